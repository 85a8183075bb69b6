"""Top-1 error with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/top1_error",
    title="Top-1 error, %",
    help="Test error: mean over seeds, and the 95% interval of that mean.",
)
