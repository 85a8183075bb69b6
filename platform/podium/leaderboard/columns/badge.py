"""The badge of a row: who repeated its results, and how far."""

from podium.leaderboard.badges import SELF_REPORTED
from podium.leaderboard.columns import Column
from podium.leaderboard.table import Row


def _badge(row: Row) -> str:
    return row.badge.badge if row.badge else SELF_REPORTED


def _evidence(row: Row) -> str | None:
    return row.badge.lines[0][1] if row.badge else None


COLUMN = Column(
    title="Badge",
    help="How far the row was repeated: self-reported, checked, re-evaluated, reproduced.",
    value=_badge,
    text=_badge,
    link=_evidence,
)
