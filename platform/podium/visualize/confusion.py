"""Confusion matrix: what each class was taken for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.visualize.figure import INK, save

WRITTEN = 20  # classes up to which every cell shows its count


def confusion_matrix(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], class_names: Sequence[str], path: Path
) -> None:
    """Draw how often each true class (row) was taken for each class (column); colours are shares of the row.

    Raises:
        ValueError: different lengths, or a class number without a name.
    """
    from matplotlib.figure import Figure

    counts = _counts(labels, predicted, len(class_names))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(3.2 + 0.36 * len(class_names), 14.0)
    figure = Figure(figsize=(size, size * 0.9), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    right = int(np.trace(counts))
    total = len(labels)
    error = f"{1 - right / total:.1%} error" if total else "no examples"
    axes.set_title(f"{right} of {total} right ({error})", color=INK, fontsize=11)
    axes.set_xlabel("predicted", color=INK)
    axes.set_ylabel("true", color=INK)
    if len(class_names) <= WRITTEN:
        rotation = 45 if max(map(len, class_names)) > 3 else 0
        axes.set_xticks(range(len(class_names)), class_names, rotation=rotation, fontsize=9)
        axes.set_yticks(range(len(class_names)), class_names, fontsize=9)
        for row, column in np.argwhere(counts):
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(
                column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=8
            )
    save(figure, path)


def _counts(
    labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise ValueError(
            f"labels and predicted must be equally long, got {labels.shape} and {predicted.shape}"
        )
    both = np.concatenate([labels, predicted])
    if len(both) and (both.min() < 0 or both.max() >= classes):
        raise ValueError(
            f"class numbers must be in [0, {classes}), got {both.min()} to {both.max()}; name every class"
        )
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
