"""What was tried for a row: configurations, and hours of training."""

from podium.leaderboard.columns import NOTHING, Column
from podium.leaderboard.table import Row


def _value(row: Row) -> float | None:
    return row.effort.configurations if row.effort else None


def _text(row: Row) -> str:
    return f"{row.effort.configurations} in {row.effort.time}" if row.effort else NOTHING


COLUMN = Column(
    title="Tried",
    help="Configurations run with this network and these tricks, or in its sweeps, and how long all their runs trained.",
    value=_value,
    text=_text,
)
