"""Seconds of training; of a run that was packed its share of the program's."""

from podium.leaderboard.columns import training_column

COLUMN = training_column(
    "train_s",
    "packed_s",
    title="Training, s",
    help="Seconds of training for one seed, mean over seeds. Packed: one run's share of a program that trains many.",
    form="{:.1f}".format,
)
