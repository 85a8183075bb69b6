"""The entry's name."""

from podium.leaderboard.columns import Column
from podium.leaderboard.table import Row


def _name(row: Row) -> str:
    return row.name


COLUMN = Column(title="Entry", help="What was trained: a file of conf/entry.", value=_name, text=_name)
