"""What another seed would change."""

import math

from podium.leaderboard.columns import NOTHING, Column
from podium.leaderboard.table import Row
from podium.leaderboard.unit import unit_of


def _value(row: Row) -> float | None:
    found = row.estimate(row.metric)
    return None if found is None or math.isnan(found.spread) else found.spread


def _text(row: Row) -> str:
    found, unit = _value(row), unit_of(row.metric)
    return NOTHING if found is None else f"±{unit.text(found)} {unit.sign}".rstrip()


COLUMN = Column(
    title="Seed spread",
    help="Standard deviation of the ranking metric over seeds: what another seed would change.",
    value=_value,
    text=_text,
)
