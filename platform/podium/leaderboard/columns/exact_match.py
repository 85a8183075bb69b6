"""Exact match of answers with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/exact_match",
    title="Exact match, %",
    help="Answers that are true but for case, punctuation and articles: mean over seeds, and the 95% interval of it.",
)
