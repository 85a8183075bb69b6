"""Weight layers on the longest path."""

from podium.leaderboard.columns import cost_column, count

COLUMN = cost_column(
    "depth",
    title="Depth",
    help="Layers with weights on the longest path.",
    form=count,
)
