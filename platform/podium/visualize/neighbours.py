"""Nearest images: each row a query and the images most like it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.visualize.figure import GREEN, INK, VERMILION, save

Images = npt.NDArray[np.floating]
INCHES = 1.15


def neighbours_grid(images: Images, labels: Sequence[Sequence[str]], path: Path) -> None:
    """Draw rows of images (rows, columns, channels, height, width), the query in the first column.

    Frames and words tell whether a neighbour is of the query's class: colour is not the only sign. Each image uses
    its own range of values, so standardised ones are shown as well.

    Raises:
        ValueError: no grey or colour images, or labels that do not fit.
    """
    from matplotlib.figure import Figure

    if images.ndim != 5 or images.shape[2] not in (1, 3) or np.shape(labels) != images.shape[:2]:
        raise ValueError(
            f"images must be grey or colour and have a label each, got {images.shape} and {np.shape(labels)} labels"
        )
    rows, columns = images.shape[:2]
    figure = Figure(figsize=(INCHES * columns + 0.2, (INCHES + 0.22) * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        for column in range(columns):
            axes = grid[row][column]
            axes.imshow(_shown(images[row, column]), cmap="gray", interpolation="nearest")
            axes.set_xticks([])
            axes.set_yticks([])
            same = labels[row][column] == labels[row][0]
            colour = INK if column == 0 else GREEN if same else VERMILION
            for spine in axes.spines.values():
                spine.set_color(colour)
                spine.set_linewidth(2.5)
            sign = "" if column == 0 or same else " (other)"
            axes.set_title(f"{labels[row][column]}{sign}", fontsize=8, color=colour, pad=2)
    figure.suptitle("query and its nearest images", fontsize=10, color=INK, x=0.02, ha="left")
    save(figure, path)


def _shown(image: Images) -> Images:
    """(height, width) or (height, width, 3) in 0..1."""
    low, high = float(image.min()), float(image.max())
    scaled = (image - low) / (high - low) if high > low else np.zeros_like(image)
    return scaled[0] if len(scaled) == 1 else np.moveaxis(scaled, 0, -1)
