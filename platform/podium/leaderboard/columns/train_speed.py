"""Throughput of training."""

from podium.leaderboard.columns import cost_column, scaled

COLUMN = cost_column(
    "train_images_per_s",
    title="Training, images/s",
    help="Images trained on in a second, on the hardware named below.",
    form=scaled,
)
