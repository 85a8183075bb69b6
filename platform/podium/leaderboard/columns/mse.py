"""Mean squared error of reconstructions, as it is and not in per cent."""

from podium.leaderboard.columns import plain_column

COLUMN = plain_column(
    "test/mse",
    title="Squared error",
    help="Squared error of a value that is given back: mean over seeds, and the 95% interval of that mean.",
)
