"""The map of interactions: what each two tricks add beyond their sum, and on the diagonal what each adds alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from podium.leaderboard.forest import signed
from podium.leaderboard.plots import ACCENT, INK, LINE, MUTED, SOFT, inline_svg, themed

CELL_WIDTH, CELL_HEIGHT, LETTER = 1.05, 0.5, 0.072  # inches
STRONGEST = 0.6  # opacity of the largest value


@dataclass(frozen=True)
class Cell:
    """One value in the units of the page; null where no seed is in common."""

    value: float | None
    claimed: bool


def interaction_map(
    names: Sequence[str], cells: Mapping[tuple[int, int], Cell], *, name: str, digits: int = 2
) -> str:
    """The lower half of the map, by row and column; ``name`` makes the ids of the picture its own.

    Colours are two and their strength is the value's size; what is claimed has a frame, and is bold.
    """
    size = len(names)
    left = 0.2 + LETTER * max(len(each) for each in names)
    width, height = left + CELL_WIDTH * size + 0.1, CELL_HEIGHT * size + 0.4
    most = max((abs(cell.value) for cell in cells.values() if cell.value is not None), default=0.0) or 1.0
    with themed(name):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes(
            (left / width, 0.35 / height, CELL_WIDTH * size / width, CELL_HEIGHT * size / height)
        )
        axes.set_xlim(0, size)
        axes.set_ylim(size, 0)
        for (row, column), cell in cells.items():
            value = cell.value
            if value is not None:
                colour, strength = ACCENT if value > 0 else SOFT, STRONGEST * abs(value) / most
                axes.add_patch(Rectangle((column, row), 1, 1, facecolor=colour, alpha=strength, linewidth=0))
            edge = (INK, 1.6, 3) if cell.claimed else (LINE, 0.8, 2)
            axes.add_patch(
                Rectangle(
                    (column, row), 1, 1, fill=False, edgecolor=edge[0], linewidth=edge[1], zorder=edge[2]
                )
            )
            text = "–" if value is None else signed(value, digits)
            axes.text(
                column + 0.5,
                row + 0.5,
                text,
                ha="center",
                va="center",
                color=INK if row != column or cell.claimed else MUTED,
                fontweight="bold" if cell.claimed else "normal",
                zorder=4,
            )
        axes.set_xticks([k + 0.5 for k in range(size)], names, fontsize=8)
        axes.set_yticks([k + 0.5 for k in range(size)], names)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return inline_svg(figure, name)
