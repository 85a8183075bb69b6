"""Seeds finished of seeds planned."""

from podium.leaderboard.columns import Column
from podium.leaderboard.table import Row


def _value(row: Row) -> float:
    return len(row.finished) if row.groups is None else sum(g.metrics is not None for g in row.groups)


def _text(row: Row) -> str:
    if row.groups is not None:
        return f"{_value(row):.0f}/{len(row.groups)} × {row.members}"
    return f"{len(row.finished)}/{len(row.runs)}"


COLUMN = Column(
    title="Seeds",
    help="Finished of planned. Runs that failed or diverged stay in the denominator.",
    value=_value,
    text=_text,
)
