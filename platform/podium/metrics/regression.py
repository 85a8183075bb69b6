"""Errors of predicted values."""

import math

import numpy as np

from podium.metrics import Arrays, needed


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/mse``, its root ``test/rmse``, and the mean absolute error ``test/mae``, over all values of all examples.

    From ``value`` and ``label``, both (examples, values). Sums are exact, so that every processor gives the same bits.

    Raises:
        ValueError: an array is missing, empty or does not fit.
    """
    value, label = needed(arrays, "value", "label")
    if value.ndim != 2 or value.shape != label.shape or value.size == 0:
        raise ValueError(
            f"value and label must be (examples, values), got {value.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    apart = (value.astype(np.float64) - label).ravel()
    mse = math.fsum((apart**2).tolist()) / apart.size
    return {
        "test/mse": mse,
        "test/rmse": math.sqrt(mse),
        "test/mae": math.fsum(np.abs(apart).tolist()) / apart.size,
    }
