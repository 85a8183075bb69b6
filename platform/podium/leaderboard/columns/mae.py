"""Mean absolute error of predicted values."""

from podium.leaderboard.columns import plain_column

COLUMN = plain_column(
    "test/mae",
    title="MAE",
    help="Mean absolute error: mean over seeds, and the 95% interval of that mean.",
)
