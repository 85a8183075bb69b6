"""Top-5 error with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/top5_error",
    title="Top-5 error, %",
    help="The right class is not among the five most probable: mean over seeds, and the 95% interval.",
)
