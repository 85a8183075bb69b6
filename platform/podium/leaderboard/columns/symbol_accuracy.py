"""Right symbols of sequences that a network writes."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/symbol_accuracy",
    title="Right symbols, %",
    help="Places of the true sequences, their ends included, at which the right symbol is written: mean over seeds, and the 95% interval of that mean.",
)
