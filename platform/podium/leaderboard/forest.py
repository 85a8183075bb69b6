"""A forest plot: one line an effect, its mean and interval around zero, as inline SVG with the page's colours.

After Lewis and Clarke, Forest plots: trying to see the wood and the trees, 2001,
https://doi.org/10.1136/bmj.322.7300.1479. Differs from the paper: all points have one size, and are filled where an
effect is claimed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from podium.leaderboard.plots import ACCENT, INK, LINE, MUTED, SOFT, inline_svg, themed

WIDTH, LINE_HEIGHT, FOOT = 8.4, 0.27, 0.52  # inches
LETTER = 0.072  # inches that a letter of a label takes
LONGEST = 52  # letters of a label
NUMBERS = 1.75  # inches for the numbers at the right, with two decimals
DIGIT = 0.2  # inches for each more decimal of all three
TICKS = 7  # at most, so that their labels stand apart


@dataclass(frozen=True)
class Line:
    """One effect in the units of the axis. The interval is nan where there is none, the mean where nothing finished."""

    label: str
    mean: float
    low: float
    high: float
    claimed: bool


def forest(groups: Mapping[str, Sequence[Line]], *, name: str, axis: str, digits: int = 2) -> str:
    """The lines from top to bottom, under the heading of their group; ``name`` makes the ids of the picture its own.

    Raises:
        ValueError: there is no line.
    """
    places = _places(groups)
    if not any(isinstance(what, Line) for what in places):
        raise ValueError("a forest plot must have lines, got none")
    left = 0.25 + LETTER * max(len(_label(what)) for what in places)
    right = NUMBERS + DIGIT * (digits - 2)
    height = LINE_HEIGHT * len(places) + FOOT
    with themed(name):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes(
            (left / WIDTH, FOOT / height, 1 - (left + right) / WIDTH, 1 - (FOOT + 0.06) / height)
        )
        axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
        axes.grid(axis="x", color=LINE, linewidth=0.5, alpha=0.6)
        axes.set_axisbelow(True)
        for place, what in enumerate(places):
            _draw(axes, place, what, digits)
        axes.set_ylim(len(places) - 0.4, -0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.06)
        axes.locator_params(axis="x", nbins=TICKS)
        axes.set_xlabel(axis)
        return inline_svg(figure, name)


def numbers(line: Line, digits: int) -> str:
    """The mean and the interval of a line as text."""
    if math.isnan(line.mean):
        return "no seed in common"
    shown = [signed(value, digits) for value in (line.mean, line.low, line.high)]
    return shown[0] if math.isnan(line.low) else f"{shown[0]} ({shown[1]} to {shown[2]})"


def signed(value: float, digits: int) -> str:
    """A number with its sign; none for what rounds to zero."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text[1:]


def _places(groups: Mapping[str, Sequence[Line]]) -> list[Line | str]:
    """Headings and lines in order; a single group needs no heading."""
    places: list[Line | str] = []
    for heading, lines in groups.items():
        if len(groups) > 1:
            places.append(heading)
        places += lines
    return places


def _label(what: Line | str) -> str:
    text = what.label if isinstance(what, Line) else what
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _draw(axes: Axes, place: int, what: Line | str, digits: int) -> None:
    across = axes.get_yaxis_transform()
    if isinstance(what, str):
        axes.text(
            -0.015, place, _label(what), transform=across, ha="right", va="center", color=MUTED, fontsize=8
        )
        return
    axes.text(-0.015, place, _label(what), transform=across, ha="right", va="center", color=INK)
    colour = INK if what.claimed else MUTED
    axes.text(1.015, place, numbers(what, digits), transform=across, va="center", color=colour, fontsize=8)
    if math.isnan(what.mean):
        return
    colour = ACCENT if what.claimed else SOFT
    if not math.isnan(what.low):
        axes.plot([what.low, what.high], [place] * 2, color=colour, linewidth=2, zorder=2)
    shape = "full" if what.claimed else "none"
    axes.plot([what.mean], [place], "o", color=colour, fillstyle=shape, markersize=6.5, zorder=3)
