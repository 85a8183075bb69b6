"""Overlap of predicted and true masks: mean intersection over union, and the share of right pixels.

The PASCAL visual object classes challenge (Everingham, Van Gool, Williams, Winn and Zisserman 2010,
https://doi.org/10.1007/s11263-009-0275-4), section 4.3. Follows the paper: counts are summed over all pixels of all
examples first, pixels that are marked 255 count nowhere, the ground is a class like any other. A class that is neither
in the truth nor predicted has no value and no part in the mean.
"""

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

IGNORED = 255  # a pixel without a class, as in VOC's masks
Array = npt.NDArray[Any]


def evaluate(arrays: Arrays) -> dict[str, float]:
    """The metrics of a test split, by logged name, from the classes ``label`` and ``prediction`` of every pixel.

    Raises:
        ValueError: arrays that are missing or do not fit.
    """
    prediction, label = needed(arrays, "prediction", "label")
    counts = confusion(prediction, label)
    by_class = intersection_over_union(counts)
    return {
        "test/mean_iou": mean(by_class.values()),
        "test/pixel_accuracy": float(np.trace(counts) / counts.sum()) if counts.any() else math.nan,
        **{f"test/iou_class_{number}": value for number, value in by_class.items()},
    }


def confusion(prediction: Array, label: Array) -> npt.NDArray[np.int64]:
    """How many pixels of each true class (row) were given each class (column), ignored pixels left out.

    Raises:
        ValueError: shapes that do not fit.
    """
    if prediction.shape != label.shape or label.ndim != 3 or label.dtype != np.uint8:
        raise ValueError(
            "label and prediction must be bytes (examples, height, width) alike, got "
            f"{label.dtype} {label.shape} and {prediction.dtype} {prediction.shape}; pass one predictions.npz"
        )
    counted = label != IGNORED
    truth, given = label[counted].astype(np.int64), prediction[counted].astype(np.int64)
    classes = int(max(truth.max(initial=-1), given.max(initial=-1))) + 1
    return np.bincount(truth * classes + given, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(counts: npt.NDArray[np.int64]) -> dict[int, float]:
    """Intersection over union by class number, of the classes that are in the truth or were predicted."""
    intersection = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - intersection
    return {int(k): float(intersection[k] / union[k]) for k in np.flatnonzero(union)}


def mean(values: Collection[float]) -> float:
    """The mean, summed exactly, so that every processor gives the same bits; not a number where there is none."""
    return math.fsum(values) / len(values) if values else math.nan
