"""Throughput of training; of runs that were packed that of their program."""

from podium.leaderboard.columns import scaled, training_column

COLUMN = training_column(
    "train_images_per_s",
    "packed_images_per_s",
    title="Training, images/s",
    help="Images trained on in a second, on the hardware named below. Packed: by a program that trains many runs, of all.",
    form=scaled,
)
