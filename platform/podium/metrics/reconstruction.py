"""Mean squared error of reconstructions."""

import math

import numpy as np

from podium.metrics import Arrays, needed


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/mse``, the mean of ``squared_error`` (examples,), summed exactly, so that every processor gives the same bits.

    Raises:
        ValueError: the array is missing, empty or not one number an example, or an error is negative.
    """
    squared_error, label = needed(arrays, "squared_error", "label")
    if squared_error.ndim != 1 or squared_error.shape != label.shape or len(label) == 0:
        raise ValueError(
            f"squared_error must be (examples,) with a label each, got {squared_error.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    if np.any(squared_error < 0):
        raise ValueError(
            f"squared_error must not be negative, got {squared_error.min()}; train the run again"
        )
    return {"test/mse": math.fsum(squared_error.tolist()) / len(squared_error)}
