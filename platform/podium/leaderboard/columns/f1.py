"""F1 of entities or of answers with the interval of its mean."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/f1",
    title="F1, %",
    help="Harmonic mean of precision and recall, of whole entities or of the words of answers: mean over seeds, and "
    "the 95% interval of that mean.",
)
