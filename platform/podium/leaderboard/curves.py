"""Learning curves of a board's rows as inline SVG: one picture of axes and curves that every plot shows behind its own.

Drawn once, since a board of a thousand rows would spend minutes on axes, and its page megabytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from podium.leaderboard.plots import LINE, inline_svg, plain_axes, themed
from podium.leaderboard.table import Row, Table
from podium.leaderboard.text import is_error
from podium.leaderboard.unit import is_share, unit_of

BEHIND = 30  # grey curves at most: more are a grey area
NAME = "curves-of-all"
POINTS_AN_INCH = 72
LEAST_ERROR = 0.1  # per cent: a logarithm has no zero
Series = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The shared picture, which stands once on a page, each row's plot, and how many rows' curves are behind it."""

    behind: str
    plots: list[tuple[Row, str]]
    drawn: int


def curve_plots(table: Table, metric: str) -> Curves | None:
    """Every row's metric by epoch, mean and range over seeds, other rows behind it; null where no row has a history.

    Errors are on a logarithmic scale.
    """
    found = [(row, curves(row, metric)) for row in table.singles]
    drawn = [(row, series) for row, series in found if series is not None]
    if not drawn:
        return None
    chosen = [
        drawn[k] for k in np.unique(np.linspace(0, len(drawn) - 1, min(len(drawn), BEHIND)).astype(int))
    ]
    with themed(NAME):
        figure, axes = plain_axes(2.9, 1.9, 0.42, 0.28)
        figure.set_dpi(POINTS_AN_INCH)  # as it is written
        _draw_all(
            axes, [series for _, series in chosen], longest=max(s.shape[1] for _, s in drawn), metric=metric
        )
        whole = re.fullmatch(
            r'<svg[^>]*?viewBox="([^"]+)"[^>]*>(.*)</svg>\s*', inline_svg(figure, NAME), re.DOTALL
        )
        assert whole is not None
        box, inside = whole.groups()
        symbol = f'<symbol id="{NAME}" viewBox="{box}">{inside}</symbol>'
        behind = f'<svg aria-hidden="true" class="behind" width="0" height="0">{symbol}</svg>\n'
        plots = [(row, _plot(figure, axes, series, box)) for row, series in drawn]
    return Curves(behind=behind, plots=plots, drawn=len(chosen))


def curves(row: Row, metric: str) -> Series | None:
    """A metric as it is shown, (seeds, epochs), cut to the epochs that every finished seed reached."""
    series = [[value for _, value in (record.history or {}).get(metric, [])] for record in row.finished]
    length = min((len(values) for values in series), default=0)
    if length == 0:
        return None
    shown = unit_of(metric).scale * np.array([values[:length] for values in series])
    return np.maximum(shown, LEAST_ERROR) if is_error(metric) else shown


def _draw_all(axes: Axes, behind: Sequence[Series], *, longest: int, metric: str) -> None:
    for series in behind:
        axes.plot(_epochs(series), series.mean(axis=0), color=LINE, linewidth=0.8, zorder=1)
    if is_error(metric):
        axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    margin = max(0.05 * (longest - 1), 0.05)
    axes.set_xlim(1 - margin, longest + margin)
    axes.set_ylim(*_limits(metric, behind))
    axes.tick_params(labelsize=8)


def _limits(metric: str, shown: Sequence[Series]) -> tuple[float, float]:
    if is_error(metric):
        return LEAST_ERROR, 110
    if is_share(metric):
        return 0, 100
    values = np.concatenate([series.ravel() for series in shown])
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def _plot(figure: Figure, axes: Axes, series: Series, box: str) -> str:
    """A row's band and line over the shared picture."""
    low, mean, high = (
        _places(figure, axes, line) for line in (series.min(axis=0), series.mean(axis=0), series.max(axis=0))
    )
    band = _path([*low, *reversed(high)])
    return (
        f'<svg aria-hidden="true" viewBox="{box}"><use href="#{NAME}"/>'
        f'<path d="{band}Z" fill="var(--accent)" fill-opacity="0.25"/>'
        f'<path d="{_path(mean)}" fill="none" stroke="var(--accent)" stroke-width="1.8"/></svg>\n'
    )


def _places(figure: Figure, axes: Axes, values: Series) -> list[tuple[float, float]]:
    """Where the values of the epochs stand in the picture, in points from its upper left corner."""
    at = axes.transData.transform(np.column_stack([range(1, len(values) + 1), values]))
    height = figure.get_figheight() * POINTS_AN_INCH
    return [(float(x), height - float(y)) for x, y in at]


def _path(places: Sequence[tuple[float, float]]) -> str:
    if len(places) == 1:  # a line of one epoch would not be seen
        places = [(places[0][0] - 2, places[0][1]), (places[0][0] + 2, places[0][1])]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _epochs(series: Series) -> range:
    return range(1, series.shape[1] + 1)
