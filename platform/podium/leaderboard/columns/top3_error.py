"""Top-3 error with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/top3_error",
    title="Top-3 error, %",
    help="The right class is not among the three most probable: mean over seeds, and the 95% interval.",
)
