"""The front of a sweep with two aims: error against cost, as a picture and as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from podium.sweep.plan import Plan
from podium.sweep.result import Result, Row, shown, shown_interval
from podium.sweep.settings import Pareto
from podium.visualize.figure import png

UNITS = {
    "train_s": "seconds of training",
    "parameters": "parameters",
    "multiply_adds": "multiply-adds of one example",
    "activations": "activations of one example",
    "depth": "weight layers",
    "size_mib": "MiB of weights",
}
FRONT, OTHER, INK = "#1f6f8b", "#a9b4bd", "#17212b"


def cost_shown(cost: float | None) -> str:
    """A cost for people."""
    if cost is None:
        return "–"
    return f"{cost:,.0f}" if cost >= 100 or cost == int(cost) else f"{cost:.3g}"


def front_rows(result: Result) -> list[dict[str, str]]:
    """The front as texts, cheapest first."""
    plan = result.plan
    return [
        {
            "number": str(row.number),
            "cost": cost_shown(row.cost),
            "value": shown(plan.metric, row.outcome.value),
            "interval": shown_interval(plan.metric, row.interval),
            "line": row.outcome.line,
            "command": plan.command(tuple(row.outcome.point)),
        }
        for row in result.front
    ]


def listed(result: Result) -> list[str]:
    """The front for a terminal."""
    search = result.plan.search
    assert isinstance(search, Pareto)
    lines = [f"the front, {result.plan.metric} against {UNITS[search.cost]}:"]
    return lines + [f"{row['cost']:>14}  {row['value']:>8}  {row['line']}" for row in front_rows(result)]


def caption(plan: Plan, rows: Sequence[Row]) -> str:
    """What a reader must know to read the picture."""
    assert isinstance(plan.search, Pareto)
    finished = [row for row in rows if row.cost is not None]
    parts = [
        f"Mean {plan.metric} with 95% interval against {UNITS[plan.search.cost]}, {len(finished)} finished "
        "configurations. Coloured and numbered: the front, whose configurations no other beats in one aim without "
        "losing in the other.",
        "Numbers are those of the trials in the table.",
    ]
    if plan.search.cost == "train_s":
        parts.append("Seconds are measured while other trials may use the same machine: they are rough.")
    return " ".join(parts)


def picture(result: Result) -> bytes:
    """Every finished configuration and the front, as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    plan = result.plan
    assert isinstance(plan.search, Pareto)
    figure = Figure(figsize=(8.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    for row in result.rows:
        if row.cost is not None and not row.front:
            _point(axes, row, OTHER)
    front = result.front
    for row in front:
        _point(axes, row, FRONT)
        axes.annotate(
            str(row.number),
            (row.cost, row.outcome.value),
            xytext=(7, 5),
            textcoords="offset points",
            color=INK,
        )
    steps = np.array([[row.cost, row.outcome.value] for row in front], dtype=float).reshape(-1, 2)
    axes.step(
        steps[:, 0], steps[:, 1], where="post", color=FRONT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1
    )
    costs = [row.cost for row in result.rows if row.cost is not None]
    if costs and min(costs) > 0 and max(costs) > 10 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: cost_shown(cost)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(plan.metric, value)))
    axes.set_xlabel(UNITS[plan.search.cost])
    axes.set_ylabel(f"mean {plan.metric}")
    axes.margins(x=0.08, y=0.1)
    if plan.metric.endswith("error"):
        axes.set_ylim(bottom=0)  # an interval may reach below; no error does
    axes.grid(color="#e6eaee", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return png(figure, dpi=144)


def _point(axes: Any, row: Row, colour: str) -> None:
    if row.interval is not None:
        axes.plot([row.cost] * 2, list(row.interval), color=colour, linewidth=1.4, zorder=2)
    axes.plot([row.cost], [row.outcome.value], "o", color=colour, markersize=6, zorder=3)
