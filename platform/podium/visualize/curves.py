"""Learning curves: a metric against the training step, one line a split."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from podium.visualize.figure import BLUE, GREEN, INK, ORANGE, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPLITS = {"train": (BLUE, "-"), "validation": (ORANGE, "--"), "test": (GREEN, ":")}
MARKED = 40  # points up to which each one is marked
COLUMNS = 3  # panels in a row, at most
Curve = Sequence[Sequence[float]]


def learning_curves(history: Mapping[str, Curve], path: Path) -> None:
    """Draw [step, value] pairs by logged name: a panel a metric, a line a split. NaN and infinity are gaps.

    Raises:
        ValueError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    panels = _panels(history)
    if not panels:
        raise ValueError("history must hold a point, got none; train a step first")
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(5.2 * columns, 3.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (metric, curves) in zip(grid, panels.items(), strict=False):
        _draw(axes, metric, curves)
    for axes in grid[len(panels) :]:
        axes.remove()
    save(figure, path)


def _draw(axes: "Axes", metric: str, curves: Mapping[str, Curve]) -> None:
    for split, curve in curves.items():
        colour, line = SPLITS.get(split, (INK, "-."))
        steps = [pair[0] for pair in curve]
        values = [pair[1] if math.isfinite(pair[1]) else math.nan for pair in curve]
        marker = "o" if len(curve) <= MARKED else ""
        axes.plot(steps, values, line, color=colour, marker=marker, markersize=3, linewidth=1.6, label=split)
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel(_title(metric), color=INK)
    if "error" in metric:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    plain(axes)


def _panels(history: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """Curves by metric, then split; the loss comes first, splits in the order of their use."""
    panels: dict[str, dict[str, Curve]] = {}
    for name in sorted(history, key=_split_order):
        split, _, metric = name.partition("/")
        if history[name]:
            panels.setdefault(metric or split, {})[split] = history[name]
    return dict(sorted(panels.items(), key=lambda item: (item[0] != "loss", item[0])))


def _split_order(name: str) -> int:
    split = name.partition("/")[0]
    return list(SPLITS).index(split) if split in SPLITS else len(SPLITS)


def _title(metric: str) -> str:
    return metric.replace("_", " ").replace("top1", "top-1").replace("top3", "top-3")
