"""True candidates told from noise."""

from podium.leaderboard.columns import metric_column

COLUMN = metric_column(
    "test/noise_accuracy",
    title="Told from noise, %",
    help="Share of noise words that a word's true neighbour stands above: mean over seeds, and the 95% interval of it.",
)
