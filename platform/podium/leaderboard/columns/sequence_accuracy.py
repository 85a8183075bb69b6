"""Sequences that a network writes without a mistake."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/sequence_accuracy",
    title="Right sequences, %",
    help="Sequences that are right at all of their places: mean over seeds, and the 95% interval of that mean.",
)
