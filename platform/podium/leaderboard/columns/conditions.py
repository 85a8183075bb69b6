"""Under which conditions speeds were measured: they compare only where these are the same."""

from podium.leaderboard.choice import conditions_of
from podium.leaderboard.columns import NOTHING, Column
from podium.leaderboard.table import Row


def _text(row: Row) -> str:
    return conditions_of(row.finished[0].config) if row.finished else NOTHING


COLUMN = Column(
    title="Conditions",
    help="Batch, precision and layout under which speeds were measured. The hardware is named below.",
    value=_text,
    text=_text,
)
