"""Plots of a board as inline SVG: the same bytes wherever and whenever they are drawn.

Colours are variables of the page's style, so the plots follow its dark mode.
"""

import io
import math
import re
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from podium.leaderboard.columns import scaled
from podium.leaderboard.front import undominated
from podium.leaderboard.table import Table
from podium.leaderboard.text import spoken
from podium.leaderboard.unit import unit_of

INK, MUTED, LINE, ACCENT, SOFT = "#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05"
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", SOFT: "--soft"}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
}


@dataclass(frozen=True)
class Point:
    """One row in a plot of cost against the ranking metric, as it is shown."""

    number: int
    cost: float
    value: float
    low: float
    high: float
    ranked: bool


def cost_plot(table: Table, cost: str, label: str) -> str | None:
    """The ranking metric against a cost with intervals, its Pareto front and best means; null where no row has that cost."""
    points = cost_points(table, cost)
    if not points:
        return None
    line = pareto([point for point in points if point.ranked], table.board.direction)
    front = {*undominated(table, cost)}
    with themed(cost):
        figure, axes = plain_axes(6.2, 3.9, 0.5, 0.5)
        _points(axes, points, front)
        for group in together(points):
            place = (group[-1].cost, group[-1].value)
            label_text = ", ".join(str(point.number) for point in group)
            axes.annotate(label_text, place, xytext=(6, 4), textcoords="offset points", color=INK, zorder=4)
        axes.step(
            [point.cost for point in line],
            [point.value for point in line],
            where="post",
            color=ACCENT,
            linewidth=1,
            linestyle=(0, (4, 3)),
            zorder=1,
        )
        axes.set_xscale("log")
        axes.margins(x=0.09)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: scaled(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=0)
        axes.set_xlabel(label)
        axes.set_ylabel(f"{spoken(table.board.metric)}{unit_of(table.board.metric).title}")
        return inline_svg(figure, cost)


def _points(axes: Axes, points: Sequence[Point], front: Collection[int]) -> None:
    """Means with their intervals, a few artists for all: one for each takes half the time of a large board."""
    colours = [ACCENT if point.number in front else SOFT for point in points]
    costs = [point.cost for point in points]
    lows, highs = [point.low for point in points], [point.high for point in points]
    axes.vlines(costs, lows, highs, colors=colours, linewidth=1.6, zorder=2)
    for colour, ranked in sorted({(colours[k], point.ranked) for k, point in enumerate(points)}):
        alike = [p for p, own in zip(points, colours, strict=True) if (own, p.ranked) == (colour, ranked)]
        axes.plot(
            [point.cost for point in alike],
            [point.value for point in alike],
            "o",
            color=colour,
            fillstyle="full" if ranked else "none",
            markersize=6,
            zorder=3,
        )


def cost_points(table: Table, cost: str) -> list[Point]:
    """Every row that has the cost and the ranking metric, by row number."""
    scale, points = unit_of(table.board.metric).scale, []
    for row in table.rows:
        value, found = row.cost(cost), row.estimate(row.metric)
        if value is not None and value > 0 and found is not None:
            low, high = (found.low, found.high) if found.low <= found.high else (found.mean, found.mean)
            points.append(
                Point(row.number, value, scale * found.mean, scale * low, scale * high, row.rank is not None)
            )
    return points


def pareto(points: Sequence[Point], direction: str) -> list[Point]:
    """The points whose means no other beats in cost without losing in the metric, cheapest first: a line for the eye."""
    sign = 1 if direction == "min" else -1
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, sign * point.value, point.number)):
        if not front or sign * point.value < sign * front[-1].value:
            front.append(point)
    return front


def together(points: Sequence[Point]) -> list[list[Point]]:
    """Points in groups that stand so close that one label must serve, lowest row first."""
    width = max(math.log10(max(p.cost for p in points) / min(p.cost for p in points)), 1.0)
    height = max(p.high for p in points) or 1.0
    groups: list[list[Point]] = []
    for point in points:
        for group in groups:
            across = abs(math.log10(point.cost / group[0].cost)) / width
            if across < 0.03 and abs(point.value - group[0].value) / height < 0.05:
                group.append(point)
                break
        else:
            groups.append([point])
    return groups


def themed(salt: str) -> AbstractContextManager[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says, and ours over them."""
    defaults: dict[Any, Any] = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")}
    defaults.update(STYLE)
    defaults["svg.hashsalt"] = salt
    return mpl.rc_context(defaults)


def plain_axes(width: float, height: float, left: float, bottom: float) -> tuple[Figure, Axes]:
    """Axes with fixed margins in inches: half the time of a computed layout, and the same for every row."""
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    box = (left / width, bottom / height, 1 - (left + 0.1) / width, 1 - (bottom + 0.1) / height)
    axes = figure.add_axes(box)
    axes.grid(color=LINE, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def inline_svg(figure: Figure, name: str) -> str:
    """The figure as an element for a page: no header, no date, ids of its own, colours as variables."""
    buffer = io.BytesIO()
    keys = ("Date", "Creator", "Format", "Type")
    figure.savefig(buffer, format="svg", transparent=True, metadata=dict.fromkeys(keys))
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--font)", text)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text.replace("<svg ", '<svg aria-hidden="true" ', 1).strip() + "\n"
