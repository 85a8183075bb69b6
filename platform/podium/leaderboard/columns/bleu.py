"""BLEU of translations."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/bleu",
    title="BLEU, %",
    help="Runs of one to four words that stand in the true translations: mean over seeds, and the 95% interval of it.",
)
