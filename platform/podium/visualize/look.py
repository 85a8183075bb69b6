"""Pictures of a data set: training images before and after augmentation, and how many examples of each class there are."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from podium.visualize.figure import BLUE, INK, ORANGE, SKY, plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

Images = npt.NDArray[np.floating]
INCHES = 1.05
BARS = 2.6  # inches of the panel of classes
NAMED = 30  # classes up to which each bar has a name
SEEN = "as the network\nsees it"  # the title of images that use their own range of values
COLOURS = {"train": BLUE, "validation": ORANGE, "test": SKY}


def look_grid(
    images: Images,
    titles: Sequence[str],
    labels: Sequence[str],
    counts: Mapping[str, Sequence[int]],
    class_names: Sequence[str],
    path: Path,
    *,
    note: str,
) -> None:
    """Draw rows of images (rows, columns, channels, height, width), and below them bars of the classes of each split.

    Values are on one scale of 0 to 1, but in a column with the title ``SEEN`` on each image's own. ``counts`` may be
    empty: where examples have no one class.

    Raises:
        ValueError: no grey or colour images, or titles that do not fit.
    """
    from matplotlib.figure import Figure

    if images.ndim != 5 or images.shape[2] not in (1, 3) or len(titles) != images.shape[1]:
        raise ValueError(
            f"images must be grey or colour and have a title for each column, got {images.shape} and {len(titles)} titles"
        )
    rows, columns = images.shape[:2]
    height = INCHES * rows + 0.7
    figure = Figure(
        figsize=(max(INCHES * columns + 0.8, 6.0), height + (BARS if counts else 0)), layout="constrained"
    )
    upper: FigureBase = figure
    if counts:
        panels = figure.subfigures(2, 1, squeeze=False, height_ratios=[height, BARS])
        upper = panels[0, 0]
        _bars(panels[1, 0].subplots(), counts, class_names)
    grid = upper.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        for column in range(columns):
            axes = grid[row][column]
            own = titles[column] == SEEN
            axes.imshow(
                _shown(images[row, column], own), cmap="gray", vmin=0, vmax=1, interpolation="nearest"
            )
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(titles[column], fontsize=8, color=INK)
        grid[row][0].set_ylabel(labels[row], fontsize=8, color=INK)
    figure.suptitle(note, fontsize=10, color=INK, x=0.02, ha="left")
    save(figure, path)


def _bars(axes: "Axes", counts: Mapping[str, Sequence[int]], class_names: Sequence[str]) -> None:
    places = np.arange(len(class_names))
    width = 0.8 / len(counts)
    for k, (split, numbers) in enumerate(counts.items()):
        label = f"{split}, {sum(numbers):,} examples"
        axes.bar(places + (k - 1) * width, numbers, width, color=COLOURS[split], label=label)
    plain(axes)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("examples", fontsize=9, color=INK)
    if len(class_names) <= NAMED:
        turned = max(len(name) for name in class_names) > 4 and len(class_names) > 6
        axes.set_xticks(places, class_names, rotation=60 if turned else 0, ha="right" if turned else "center")
    else:
        axes.set_xlabel("class number", fontsize=9, color=INK)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))


def _shown(image: Images, own_range: bool) -> Images:
    """(height, width) or (height, width, 3) in 0..1; what lies outside is cut off unless the range is the image's own."""
    low, high = (float(image.min()), float(image.max())) if own_range else (0.0, 1.0)
    scaled = ((image - low) / (high - low) if high > low else np.zeros_like(image)).clip(0, 1)
    return scaled[0] if len(scaled) == 1 else np.moveaxis(scaled, 0, -1)
