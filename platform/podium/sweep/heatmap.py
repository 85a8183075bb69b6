"""A heat map over two searched axes: the mean, its interval and the number of seeds in every cell."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from podium.records.record import Status
from podium.run.space import Axis, Interval
from podium.sweep.plan import Plan
from podium.sweep.result import Row, interval_of, shown
from podium.sweep.space import number
from podium.visualize.figure import png

MOST_BINS = 5
SKEWED = 4.0  # largest over smallest mean, from where on colours are logarithmic


@dataclass(frozen=True)
class Side:
    """One side of the map: a label for each line, and how texts of the axis fall into them."""

    key: str
    labels: list[str]
    edges: list[float] | None

    def place(self, text: str, axis: Axis) -> int:
        """The line that a text belongs to."""
        if self.edges is None:
            return self.labels.index(text)
        value = number(axis, text)
        assert value is not None
        return min(sum(value >= edge for edge in self.edges[1:-1]), len(self.labels) - 1)


@dataclass(frozen=True)
class Cell:
    """One cell: the mean of its finished configurations, and what else lies there.

    ``deviation`` is that of the replicates where one configuration lies there, else that of the configurations.
    """

    mean: float | None
    deviation: float | None
    interval: tuple[float, float] | None
    configurations: int
    seeds: int
    stopped: int
    failed: int


@dataclass(frozen=True)
class HeatMap:
    """A whole map: rows of cells, ``cells[y][x]``."""

    x: Side
    y: Side
    cells: list[list[Cell]]
    averaged: list[str]

    @property
    def binned(self) -> bool:
        """Whether a side has intervals in place of the values that were tried."""
        return self.x.edges is not None or self.y.edges is not None


def pairs(axes: Sequence[Axis], order: Sequence[str]) -> list[tuple[Axis, Axis | None]]:
    """The maps to draw: each two of the three most important axes. One axis makes a map of one row."""
    if len(axes) == 1:
        return [(axes[0], None)]
    chosen = (
        [axis for axis in axes if axis.key in list(order)[:3]] if len(axes) > 3 and order else list(axes)[:3]
    )
    return [(second, first) for k, first in enumerate(chosen) for second in chosen[k + 1 :]]


def heat_map(plan: Plan, rows: Sequence[Row], x: Axis, y: Axis | None) -> HeatMap:
    """The map over two axes; over the other axes a cell averages."""
    x_side, y_side = _side(x, len(rows)), _side(y, len(rows)) if y is not None else Side("", [""], None)
    columns = {axis.key: k for k, axis in enumerate(plan.axes)}
    groups: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        point = row.outcome.point
        at_y = y_side.place(point[columns[y.key]], y) if y is not None else 0
        groups.setdefault((at_y, x_side.place(point[columns[x.key]], x)), []).append(row)
    cells = [
        [_cell(groups.get((j, i), [])) for i in range(len(x_side.labels))] for j in range(len(y_side.labels))
    ]
    averaged = [axis.key for axis in plan.axes if axis not in (x, y)]
    return HeatMap(x=x_side, y=y_side, cells=cells, averaged=averaged)


def caption(plan: Plan, shown_map: HeatMap) -> str:
    """What a reader must know to read the map."""
    binned = [side.key for side in (shown_map.x, shown_map.y) if side.edges is not None]
    several = any(cell.configurations > 1 for line in shown_map.cells for cell in line)
    parts = [f"Mean {plan.metric} and 95% interval."]
    if is_logarithmic(shown_map):
        parts.append("Colours on a logarithmic scale.")
    if binned:
        parts.append(f"{' and '.join(binned)} divided into bins.")
    if shown_map.averaged:
        parts.append(f"Averaged over {', '.join(shown_map.averaged)}.")
    if several:
        parts.append(
            f"Where a cell holds several configurations the interval is over their means, else over {plan.replicate}s."
        )
    else:
        parts.append(f"The interval is over {plan.replicate}s.")
    parts.append("Stopped and failed configurations are counted, not averaged.")
    return " ".join(parts)


def picture(plan: Plan, shown_map: HeatMap) -> bytes:
    """The map as a PNG."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    wide, high = len(shown_map.x.labels), len(shown_map.y.labels)
    figure = Figure(figsize=(2.6 + 1.45 * wide, 1.5 + 0.95 * high), layout="constrained")
    axes = figure.add_subplot()
    values = [[math.nan if cell.mean is None else cell.mean for cell in line] for line in shown_map.cells]
    norm = LogNorm() if is_logarithmic(shown_map) else None
    image = axes.imshow(
        values, cmap="viridis_r" if plan.mode == "min" else "viridis", aspect="auto", norm=norm
    )
    axes.set_facecolor("#eceff1")
    for j, line in enumerate(shown_map.cells):
        for i, cell in enumerate(line):
            text, ink = _cell_text(plan, cell), _ink(image, cell.mean)
            axes.text(i, j, text, color=ink, ha="center", va="center", fontsize=9, linespacing=1.35)
    axes.set_xticks(range(wide), shown_map.x.labels)
    axes.set_yticks(range(high), shown_map.y.labels)
    axes.set_xlabel(shown_map.x.key)
    axes.set_ylabel(shown_map.y.key)
    axes.tick_params(length=0)
    axes.set_xticks([k - 0.5 for k in range(1, wide)], minor=True)
    axes.set_yticks([k - 0.5 for k in range(1, high)], minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if _means(shown_map):
        bar = figure.colorbar(image, ax=axes, label=f"mean {plan.metric}", pad=0.03)
        bar.ax.yaxis.labelpad = 12
        bar.outline.set_visible(False)
        bar.set_ticks(ticks := _ticks(shown_map))
        bar.set_ticklabels([shown(plan.metric, tick) for tick in ticks])
        bar.ax.minorticks_off()
    return png(figure, dpi=144)


def is_logarithmic(shown_map: HeatMap) -> bool:
    """Whether the colours are: one bad line would otherwise make all good ones look the same."""
    means = _means(shown_map)
    return len(means) > 1 and min(means) > 0 and max(means) > SKEWED * min(means)


def _means(shown_map: HeatMap) -> list[float]:
    return [cell.mean for line in shown_map.cells for cell in line if cell.mean is not None]


def _ticks(shown_map: HeatMap) -> list[float]:
    """Five values evenly along the colours."""
    low, high = min(_means(shown_map)), max(_means(shown_map))
    if is_logarithmic(shown_map):
        return [low * (high / low) ** (k / 4) for k in range(5)]
    return [low + (high - low) * k / 4 for k in range(5)] if high > low else [low]


def _side(axis: Axis, configurations: int) -> Side:
    if not isinstance(axis, Interval):
        return Side(axis.key, list(axis.values), None)
    bins = max(2, min(MOST_BINS, round(math.sqrt(configurations))))
    if axis.integer:
        bins = min(bins, int(axis.high - axis.low) + 1)
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    edges = [low + (high - low) * k / bins for k in range(bins + 1)]
    edges = [math.exp(edge) for edge in edges] if axis.log else edges
    labels = [f"{a:.3g} – {b:.3g}" for a, b in itertools.pairwise(edges)]
    return Side(axis.key, labels, edges)


def _cell(rows: list[Row]) -> Cell:
    finished = [row for row in rows if row.outcome.status is Status.FINISHED]
    means = [row.outcome.value for row in finished if row.outcome.value is not None]
    interval = finished[0].interval if len(finished) == 1 else interval_of(means)
    spread_of = finished[0].values if len(finished) == 1 else means
    return Cell(
        mean=fmean(means) if means else None,
        deviation=stdev(spread_of) if len(spread_of) > 1 else None,
        interval=interval,
        configurations=len(finished),
        seeds=sum(len(row.values) for row in finished),
        stopped=sum(row.outcome.status is Status.STOPPED for row in rows),
        failed=sum(row.outcome.status is Status.FAILED for row in rows),
    )


def _cell_text(plan: Plan, cell: Cell) -> str:
    lines = []
    if cell.mean is not None:
        lines.append(shown(plan.metric, cell.mean))
        if cell.interval is not None:
            lines[0] += f" ± {shown(plan.metric, (cell.interval[1] - cell.interval[0]) / 2)}"
        many = f"{cell.configurations} configs, " if cell.configurations > 1 else ""
        lines.append(f"{many}{cell.seeds} {plan.replicate}{'s' if cell.seeds != 1 else ''}")
    if cell.stopped:
        lines.append(f"{cell.stopped} stopped early")
    if cell.failed:
        lines.append(f"{cell.failed} failed")
    return "\n".join(lines) or "not tried"


def _ink(image: Any, mean: float | None) -> str:
    """Black or white, whichever is read more easily on the cell's colour."""
    if mean is None:
        return "#546e7a"
    red, green, blue, _ = image.cmap(image.norm(mean))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
