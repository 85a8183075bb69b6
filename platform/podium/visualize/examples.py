"""Test examples side by side: the picture, what is true, what was predicted, as coloured masks or boxes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from podium.visualize.figure import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]
Colour = tuple[float, float, float]
SHOWN = 8  # examples
ACROSS = 2  # examples beside each other, three panels each
GAP = 0.12  # between them, in widths of a panel
NAMED = 24  # classes up to which there is a legend
OPAQUE = 0.6
LEAST_SCORE = 0.3  # of a box that is drawn, or the half of the best score where none is that sure
IGNORED = 255


def mask_examples(
    pictures: Array, truth: Array, predicted: Array, class_names: Sequence[str], path: Path
) -> None:
    """Draw pictures (n, channels, height, width) under their true and predicted masks (n, height, width).

    Class 0, the ground, is left clear; ignored pixels are white.
    """
    shown = min(len(pictures), SHOWN)
    seen = np.unique(np.concatenate([truth[:shown].ravel(), predicted[:shown].ravel()]))
    classes = [int(number) for number in seen if number not in (0, IGNORED)]

    def panel(axes: "Axes", number: int, column: int) -> None:
        image = _image(pictures[number])
        if column:
            image = _covered(image, (truth, predicted)[column - 1][number])
        axes.imshow(image, interpolation="nearest")

    _grid(shown, panel, classes, class_names, path)


def box_examples(
    pictures: Array, truth: Array, detected: Array, class_names: Sequence[str], path: Path
) -> None:
    """Draw pictures (n, channels, height, width) with true boxes (n, most, 5) and detections (n, most, 6).

    Detections bear their score in per cent; those of low scores are left out.
    """
    shown = min(len(pictures), SHOWN)
    truth, detected = truth[:shown], detected[:shown]
    least = min(LEAST_SCORE, detected[:, :, 1].max(initial=0.0) / 2)
    detected = np.where(detected[:, :, 1:2] >= least, detected, -1)
    seen = np.unique(np.concatenate([truth[:, :, 0].ravel(), detected[:, :, 0].ravel()]))
    classes = [int(number) for number in seen if number >= 0]

    def panel(axes: "Axes", number: int, column: int) -> None:
        image = _image(pictures[number])
        height, width = image.shape[:2]
        axes.imshow(image, interpolation="nearest", extent=(0, width, height, 0))
        for row in (truth[number], detected[number])[column - 1] if column else ():
            _box(axes, row)

    _grid(shown, panel, classes, class_names, path)


def _grid(
    examples: int,
    panel: Callable[["Axes", int, int], None],
    classes: Sequence[int],
    class_names: Sequence[str],
    path: Path,
) -> None:
    from matplotlib.figure import Figure

    across = min(ACROSS, examples)
    rows = -(-examples // across)
    figure = Figure(figsize=(5.3 * across, 1.72 * rows + 0.9), layout="constrained")
    widths = ([1.0, 1.0, 1.0, GAP] * across)[:-1]
    panels = figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths)
    for axes in panels.ravel():
        axes.set_axis_off()
    for number in range(examples):
        row, block = divmod(number, across)
        for column, title in enumerate(("picture", "truth", "predicted")):
            axes = panels[row, 4 * block + column]
            panel(axes, number, column)
            if row == 0:
                axes.set_title(title, fontsize=10, color=INK)
    _legend(figure, classes, class_names)
    save(figure, path)


def _legend(figure: "Figure", classes: Sequence[int], class_names: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    if 0 < len(classes) <= NAMED:
        patches = [Patch(color=colour_of(number), label=class_names[number]) for number in classes]
        figure.legend(handles=patches, loc="outside lower center", ncols=6, frameon=False, fontsize=9)


def _box(axes: "Axes", row: Array) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    if row[0] < 0:
        return
    colour, (x1, y1, x2, y2) = colour_of(int(row[0])), row[-4:]
    for width, edge in ((3.0, "white"), (1.6, colour)):  # seen on any ground
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=edge, linewidth=width))
    if len(row) == 6:
        outline = [withStroke(linewidth=2, foreground="white")]
        score = f"{100 * row[1]:.0f}"
        below = 0.08 * axes.get_ylim()[0]  # the top of the picture, where the text still fits
        axes.text(max(x1, 0), max(y1, below), score, fontsize=7, color=INK, path_effects=outline)


def colour_of(number: int) -> Colour:
    """The colour of a class: six that colour-blind people tell apart, then others around the circle of hues."""
    from matplotlib.colors import hsv_to_rgb, to_rgb

    first = (ORANGE, BLUE, GREEN, VERMILION, PURPLE, SKY)
    if number < len(first):
        return to_rgb(first[number])
    red, green, blue = hsv_to_rgb((number * 0.61803399 % 1, 0.55 + 0.4 * (number % 2), 0.9))
    return float(red), float(green), float(blue)


def _covered(image: Array, mask: Array) -> Array:
    """The image in grey, under its mask's colours."""
    mixed = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    for number in np.unique(mask):
        if number:
            colour = (1.0, 1.0, 1.0) if number == IGNORED else colour_of(int(number))
            there = mask == number
            mixed[there] = (1 - OPAQUE) * mixed[there] + OPAQUE * np.array(colour)
    return mixed


def _image(picture: Array) -> Array:
    """(height, width, 3) from 0 to 1; what lies outside, after standardising, is scaled into it."""
    image = np.broadcast_to(picture, (3, *picture.shape[1:])).transpose(1, 2, 0).astype(np.float64)
    low, high = min(float(image.min()), 0.0), max(float(image.max()), 1.0)
    return (image - low) / (high - low)
