"""Elements that convolutional and linear layers put out."""

from podium.leaderboard.columns import NOT_MEASURED, cost_column, scaled

COLUMN = cost_column(
    "activations",
    title="Activations",
    help="Elements that convolutional and linear layers put out for one image.",
    form=scaled,
    lacking=NOT_MEASURED,
)
