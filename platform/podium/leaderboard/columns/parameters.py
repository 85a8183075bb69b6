"""Trainable parameters."""

from podium.leaderboard.columns import cost_column, count

COLUMN = cost_column(
    "parameters",
    title="Parameters",
    help="Trainable weights.",
    form=count,
)
