"""Highest memory of training."""

from podium.leaderboard.columns import NOT_MEASURED, cost_column, count

COLUMN = cost_column(
    "peak_memory_mib",
    title="Peak memory, MiB",
    help="Highest memory in training: what a GPU's allocator held, else the process with its libraries.",
    form=count,
    lacking=NOT_MEASURED,
)
