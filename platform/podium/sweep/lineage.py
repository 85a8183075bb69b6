"""How a population trained: every member's value over the epochs, and who went on from whom."""

from collections.abc import Sequence
from typing import Any

from podium.run.space import Axis
from podium.sweep.plan import Plan
from podium.sweep.population import JOURNAL, Member, load
from podium.sweep.result import Result, shown
from podium.sweep.settings import Pbt
from podium.sweep.space import number
from podium.visualize.figure import png

ONE, OTHER, INK = "#1f6f8b", "#a9b4bd", "#17212b"


def caption(plan: Plan) -> str:
    """What a reader must know to read the picture."""
    generations, _ = histories(plan)
    taken = sum(member.source is not None for members in generations[1:] for member in members)
    return (
        f"Mean {plan.metric} of {len(generations[0])} members where they were compared, and below what they were trained "
        f"with. A cross: there a member was given up, and its place went on from another, {taken} times in all; dashed: "
        f"from which. In colour: the line of the best at the end. The same numbers: {JOURNAL}."
    )


def histories(plan: Plan) -> tuple[list[list[Member]], dict[tuple[int, int], float]]:
    """The generations of a population, and the values that its members came to."""
    return load(plan, [Member(point[:-1], (), None) for point in plan.points()])


def line_of_best(result: Result) -> list[int]:
    """The members, one in each generation that was compared, that led to the winner, or to the best so far."""
    plan = result.plan
    winner = tuple(result.best.outcome.point) if result.best is not None else None
    generations, told = histories(plan)
    sign = 1 if plan.mode == "min" else -1
    last = max((generation for generation, _ in told), default=0)
    values = {k: sign * v for (g, k), v in told.items() if g == last and v == v}
    if not values:
        return []
    line = [min(values, key=lambda k: (generations[last][k].point != winner, values[k], k))]
    for generation in range(last, 0, -1):
        source = generations[generation][line[0]].source
        line.insert(0, line[0] if source is None else source)
    return line


def picture(result: Result) -> bytes:
    """The metric and the searched numbers over the epochs, as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    plan = result.plan
    assert isinstance(plan.search, Pbt)
    generations, told = histories(plan)
    last = max((r.epochs for row in result.rows for r in row.outcome.replicates), default=0)
    epochs = [0, *(plan.search.every_epochs * (g + 1) for g in range(len(generations)))]
    epochs = [min(epoch, last) for epoch in epochs]
    axes = [axis for axis in plan.axes if number(axis, "0") is not None]
    figure = Figure(figsize=(8.4, 3.4 + 1.9 * len(axes)), layout="constrained")
    panels = figure.subplots(
        1 + len(axes), 1, sharex=True, squeeze=False, height_ratios=[2] + [1] * len(axes)
    )[:, 0]
    best = line_of_best(result)
    _values(panels[0], epochs, generations, told, best)
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(plan.metric, value)))
    panels[0].set_ylabel(f"mean {plan.metric}")
    for panel, axis in zip(panels[1:], axes, strict=True):
        _searched(panel, plan, axis, epochs, generations, best)
    panels[-1].set_xlabel("epochs")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in panels:
        panel.grid(color="#e6eaee", linewidth=0.8)
        panel.set_axisbelow(True)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    return png(figure, dpi=144)


def _values(
    panel: Any,
    epochs: Sequence[int],
    generations: list[list[Member]],
    told: dict[tuple[int, int], float],
    best: list[int],
) -> None:
    """Each member's value over the comparisons; dashed where it went on from another."""
    for g, members in enumerate(generations):
        for k, member in enumerate(members):
            if (g, k) not in told:
                continue
            on_line = g < len(best) and best[g] == k
            how = {
                "color": ONE if on_line else OTHER,
                "linewidth": 2 if on_line else 1,
                "zorder": 3 if on_line else 2,
            }
            panel.plot([epochs[g + 1]], [told[g, k]], "o", markersize=4, **how)
            before = k if member.source is None else member.source
            if g and (g - 1, before) in told:
                style = "-" if member.source is None else (0, (4, 3))
                panel.plot(epochs[g : g + 2], [told[g - 1, before], told[g, k]], linestyle=style, **how)
            if member.source is not None:
                panel.plot([epochs[g]], [told[g - 1, k]], "x", color=INK, markersize=6, zorder=4)


def _searched(
    panel: Any,
    plan: Plan,
    axis: Axis,
    epochs: Sequence[int],
    generations: list[list[Member]],
    best: list[int],
) -> None:
    """With which values of an axis each member was trained up to each comparison."""
    column = plan.axes.index(axis)
    lines = [[members[k] for members in generations] for k in range(len(generations[0]))]
    line_of_winner = [generations[g][k] for g, k in enumerate(best)]
    for line in [*lines, line_of_winner]:
        values = [float(member.values(plan.axes)[column]) for member in line]
        how = {"color": ONE, "linewidth": 2} if line is line_of_winner else {"color": OTHER, "linewidth": 1}
        panel.step(epochs[: len(values) + 1] if values else [], [*values[:1], *values], where="pre", **how)
    panel.set_ylabel(axis.key)
    if getattr(axis, "log", False):
        panel.set_yscale("log")
