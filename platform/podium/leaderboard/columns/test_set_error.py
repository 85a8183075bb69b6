"""What another test set would change."""

from podium.leaderboard.columns import NOTHING, Column, percent
from podium.leaderboard.table import Row


def _value(row: Row) -> float | None:
    found = row.test_set_interval()
    return None if found is None else found[1] - found[0]


def _text(row: Row) -> str:
    found = row.test_set_interval()
    return NOTHING if found is None else f"{percent(found[0])} to {percent(found[1])}"


COLUMN = Column(
    title="Test-set interval, %",
    help="Wilson's 95% interval of the mean error on a test set of this size: what other test images would "
    "change. Sorted by width.",
    value=_value,
    text=_text,
)
