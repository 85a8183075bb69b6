"""Forward and backward signal of several initialisers, layer by layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from podium.visualize.figure import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY)
STYLES = ("-", "--", ":", "-.")
NAMED = 12  # layers up to which the axis shows their names
MARKED = 60  # layers up to which each point is marked


@dataclass(frozen=True)
class Line:
    """One initialiser: a value a layer in each panel, and the layers where signal and gradient are lost, by position."""

    name: str
    forward: Sequence[float]
    backward: Sequence[float]
    dead: Sequence[float | None]
    lost_forward: int | None
    lost_backward: int | None


def signal_picture(layers: Sequence[str], lines: Sequence[Line], title: str, path: Path) -> None:
    """Draw deviations of outputs and of gradients on a logarithmic axis, and dead relu units where there are relus.

    A ring shows where a signal vanishes or explodes; a cross on the floor is a value of zero, one at the top a value
    that is not finite.

    Raises:
        ValueError: there is nothing to draw.
    """
    from matplotlib.figure import Figure

    if not layers or not lines:
        raise ValueError(f"a picture needs layers and lines, got {len(layers)} and {len(lines)}")
    with_dead = any(share is not None for line in lines for share in line.dead)
    panels = 3 if with_dead else 2
    width = min(max(7.0, 3.4 + 0.24 * len(layers)), 16.0)
    figure = Figure(figsize=(width, 1.0 + 2.5 * panels), layout="constrained")
    grid = figure.subplots(panels, 1, squeeze=False, sharex=True)[:, 0]
    for k, line in enumerate(lines):
        look = (COLOURS[k % len(COLOURS)], STYLES[k // len(COLOURS) % len(STYLES)])
        _draw(grid[0], line.forward, line.lost_forward, look, label=line.name)
        _draw(grid[1], line.backward, line.lost_backward, look, label=line.name)
        if with_dead:
            shares = [math.nan if share is None else 100 * share for share in line.dead]
            grid[2].plot(_places(shares), shares, look[1], color=look[0], marker="o", markersize=3)
    labels = ("deviation of outputs", "deviation of gradients", "dead relu units, %")
    for axes, label in zip(grid, labels, strict=False):
        axes.set_ylabel(label, color=INK)
        plain(axes)
    for axes, values in zip(
        grid, ([line.forward for line in lines], [line.backward for line in lines]), strict=False
    ):
        if not any(_usable(value) for found in values for value in found):
            axes.set_ylim(0.1, 1)  # nothing but zeros: a logarithmic axis finds no range by itself
        axes.set_yscale("log")
    if with_dead:
        grid[2].set_ylim(-4, 104)
    _name_layers(grid[-1], layers)
    grid[0].set_title(title, color=INK, fontsize=11, loc="left")
    grid[0].legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(figure, path)


def _draw(
    axes: "Axes", values: Sequence[float], lost: int | None, look: tuple[str, str], *, label: str
) -> None:
    colour, style = look
    usable = [value if _usable(value) else math.nan for value in values]
    marker = "o" if len(values) <= MARKED else ""
    axes.plot(
        _places(values), usable, style, color=colour, marker=marker, markersize=3, linewidth=1.6, label=label
    )
    edges = [(k + 1, 0.0 if value == 0 else 1.0) for k, value in enumerate(values) if math.isnan(usable[k])]
    if edges:
        axes.plot(
            *zip(*edges, strict=True), "x", color=colour, transform=axes.get_xaxis_transform(), clip_on=False
        )
    if lost is not None and not math.isnan(usable[lost]):
        axes.plot(
            [lost + 1], [usable[lost]], "o", color=colour, markersize=11, fillstyle="none", markeredgewidth=2
        )


def _usable(value: float) -> bool:
    """Whether a logarithmic axis has a place for a value."""
    return math.isfinite(value) and value > 0


def _places(values: Sequence[float]) -> range:
    return range(1, len(values) + 1)


def _name_layers(axes: "Axes", layers: Sequence[str]) -> None:
    if len(layers) <= NAMED:
        axes.set_xticks(range(1, len(layers) + 1), layers, rotation=30, ha="right", fontsize=8)
    else:
        axes.set_xlabel(f"layer, from {layers[0]} to {layers[-1]}", color=INK)
    axes.set_xlim(0.5, len(layers) + 0.5)
