"""Mean squared error of reconstructions, as it is and not in per cent."""

import math

from podium.leaderboard.columns import NO_BREAK, NOTHING, Column
from podium.leaderboard.table import Row

METRIC = "test/mse"


def _value(row: Row) -> float | None:
    found = row.estimate(METRIC)
    return None if found is None else found.mean


def _text(row: Row) -> str:
    found = row.estimate(METRIC)
    if found is None:
        return NOTHING
    if math.isnan(found.low):
        return f"{found.mean:.3g} (no interval)"
    return f"{found.mean:.3g} ({NO_BREAK.join([f'{found.low:.3g}', 'to', f'{found.high:.3g}'])})"


COLUMN = Column(
    title="Squared error",
    help="Squared error of a value that is given back: mean over seeds, and the 95% interval of that mean.",
    value=_value,
    text=_text,
    metric=METRIC,
)
