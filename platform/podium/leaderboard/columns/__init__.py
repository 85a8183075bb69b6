"""One file a column: a module of this package with a ``COLUMN``; conf/board lists their names in order.

A new column is one file here and one line under ``columns:`` of a board.
"""

import difflib
import importlib
import math
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from podium.leaderboard.table import Row

NOTHING = "–"
NOT_MEASURED = "not measured"
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Column:
    """One column. ``value`` is what it sorts by and what the CSV file holds; ``text`` is what people read.

    ``metric`` is the test metric that it shows, if it shows one; ``link`` is a file of the board that it leads to.
    """

    title: str
    help: str
    value: Callable[[Row], float | str | None]
    text: Callable[[Row], str]
    metric: str | None = None
    link: Callable[[Row], str | None] | None = None


@cache
def load_column(name: str) -> Column:
    """The column of the file of that name.

    Raises:
        ValueError: there is none.
    """
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"columns must name files of podium/leaderboard/columns, got {name!r}; {hint}")
    column = importlib.import_module(f"{__name__}.{name}").COLUMN
    assert isinstance(column, Column)
    return column


def percent(value: float) -> str:
    """A fraction in per cent, two decimals."""
    return f"{100 * value:.2f}"


def interval_text(mean: float, low: float, high: float, form: Callable[[float], str] = percent) -> str:
    """A mean and its interval, each in this form."""
    bounds = (
        "no interval" if math.isnan(low) or math.isnan(high) else NO_BREAK.join([form(low), "to", form(high)])
    )
    return f"{form(mean)} ({bounds})"


def metric_column(metric: str, title: str, help: str) -> Column:
    """A column of a test metric, a fraction, with its interval in per cent."""
    return _estimates(metric, title, help, percent)


def plain_column(metric: str, title: str, help: str) -> Column:
    """A column of a test metric that is no fraction, with its interval: three digits."""
    return _estimates(metric, title, help, "{:.3g}".format)


def _estimates(metric: str, title: str, help: str, form: Callable[[float], str]) -> Column:
    def value(row: Row) -> float | None:
        found = row.estimate(metric)
        return found.mean if found else None

    def text(row: Row) -> str:
        found = row.estimate(metric)
        return interval_text(found.mean, found.low, found.high, form) if found else NOTHING

    return Column(title=title, help=help, value=value, text=text, metric=metric)


def cost_column(
    cost: str, title: str, help: str, form: Callable[[float], str], *, lacking: str = NOTHING
) -> Column:
    """A column of a cost, averaged over the finished seeds; what is ``lacking`` in records of finished seeds is said."""

    def value(row: Row) -> float | None:
        return row.cost(cost)

    def text(row: Row) -> str:
        found = row.cost(cost)
        if found is None:
            return lacking if row.finished else NOTHING
        return form(found)

    return Column(title=title, help=help, value=value, text=text)


def training_column(alone: str, packed: str, title: str, help: str, form: Callable[[float], str]) -> Column:
    """A column of a cost of training. Runs that were packed, many as one program, were not measured alone: theirs is shown
    as what it is, and takes no part in sorting or in the file of values.
    """

    def value(row: Row) -> float | None:
        return row.cost(alone)

    def text(row: Row) -> str:
        if (found := row.cost(alone)) is not None:
            return form(found)
        share = row.cost(packed)
        return NOTHING if share is None else f"{form(share).replace(' ', NO_BREAK)} packed"

    return Column(title=title, help=help, value=value, text=text)


def count(value: float) -> str:
    """A whole number with thousands separated."""
    return f"{value:,.0f}"


def scaled(value: float) -> str:
    """A large number with k, M or G, three digits."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"
