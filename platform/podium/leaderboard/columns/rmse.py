"""Root mean squared error of predicted values, as it is and not in per cent."""

from podium.leaderboard.columns import plain_column

COLUMN = plain_column(
    "test/rmse",
    title="Root mean squared error",
    help="Root of the mean squared error of predicted values: mean over seeds, and the 95% interval of that mean.",
)
