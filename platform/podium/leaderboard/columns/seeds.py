"""Seeds finished of seeds planned."""

from podium.leaderboard.columns import Column
from podium.leaderboard.table import Row


def _value(row: Row) -> float:
    return len(row.finished)


def _text(row: Row) -> str:
    return f"{len(row.finished)}/{len(row.runs)}"


COLUMN = Column(
    title="Seeds",
    help="Finished of planned. Runs that failed or diverged stay in the denominator.",
    value=_value,
    text=_text,
)
