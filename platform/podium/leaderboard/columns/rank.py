"""The rank: 1 + the number of entries that are significantly better."""

from podium.leaderboard.columns import NOTHING, Column
from podium.leaderboard.table import Row


def _value(row: Row) -> float | None:
    return row.rank


def _text(row: Row) -> str:
    return NOTHING if row.rank is None else str(row.rank)


COLUMN = Column(
    title="Rank",
    help="1 + the number of entries that are significantly better; shared where no test tells entries apart.",
    value=_value,
    text=_text,
)
