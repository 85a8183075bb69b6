"""Right symbols of sequences that a network writes."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/symbol_accuracy",
    title="Right symbols, %",
    help="Places of the true sequences, ends included, with the right symbol: mean over seeds, and the 95% interval of it.",
)
