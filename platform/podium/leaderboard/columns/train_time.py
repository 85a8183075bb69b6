"""Seconds of training.

Runs that were packed, many as one program, have no seconds of their own: their share is shown as what it is, and takes no
part in sorting or in the file of values.
"""

from podium.leaderboard.columns import NOTHING, Column
from podium.leaderboard.table import Row


def _value(row: Row) -> float | None:
    return row.cost("train_s")


def _text(row: Row) -> str:
    if (alone := row.cost("train_s")) is not None:
        return f"{alone:.1f}"
    share = row.cost("packed_s")
    return NOTHING if share is None else f"{share:.1f} packed"


COLUMN = Column(
    title="Training, s",
    help="Seconds of training for one seed, mean over seeds.",
    value=_value,
    text=_text,
)
