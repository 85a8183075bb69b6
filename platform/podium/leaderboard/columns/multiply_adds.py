"""Multiply-adds for one image."""

from podium.leaderboard.columns import cost_column, scaled

COLUMN = cost_column(
    "multiply_adds",
    title="Multiply-adds",
    help="Multiplications with addition to classify one image.",
    form=scaled,
)
