"""The row's number, by which `podium reproduce` names it."""

from podium.leaderboard.columns import Column
from podium.leaderboard.table import Row


def _number(row: Row) -> float:
    return row.number


def _text(row: Row) -> str:
    return str(row.number)


COLUMN = Column(
    title="Row",
    help="Names the row in the plots and in podium reproduce --row N. Not a rank.",
    value=_number,
    text=_text,
)
