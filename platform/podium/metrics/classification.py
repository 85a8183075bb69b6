"""Errors and loss of predicted class probabilities.

The end of a run and the verifier of a board call the same functions on the same saved arrays, so that their
numbers are compared exactly. Everything is summed in float64, in the order of the examples.
"""

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
SMALLEST = float(np.finfo(np.float32).tiny)


def is_top_k_error(probability: Floats, label: Integers, k: int) -> npt.NDArray[np.bool_]:
    """Whether each example's label is missed by its k most probable classes.

    Ties count against the network: a class that is as probable as the label stands before it, so a constant
    output is always wrong. A row with a probability that is not a number is an error.

    Raises:
        ValueError: shapes that do not fit, labels that are no class, or k below 1.
    """
    _check(probability, label)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}; use k=1 for the plain error")
    own = probability[np.arange(len(label)), label]
    at_least = (probability >= own[:, None]).sum(axis=1)
    return np.asarray((at_least > k) | np.isnan(probability).any(axis=1))


def top_k_error(probability: Floats, label: Integers, k: int) -> float:
    """The fraction of examples whose label is missed by the k most probable classes (ties count as misses).

    Raises:
        ValueError: as ``is_top_k_error``.
    """
    return float(is_top_k_error(probability, label, k).mean())


def negative_log_likelihood(probability: Floats, label: Integers) -> float:
    """The mean of -log p(label), in nats; p is kept above the smallest normal float32 so that it stays
    finite.

    Raises:
        ValueError: shapes that do not fit, or labels that are no class.
    """
    _check(probability, label)
    own = probability[np.arange(len(label)), label].astype(np.float64)
    return float(-np.log(np.maximum(own, SMALLEST)).mean())


def evaluate(arrays: Arrays) -> dict[str, float]:
    """Loss and errors from ``probability`` (examples, classes) and ``label`` (examples,), by logged name.

    Of the top-k errors that of k = 1, and those of 3 and 5 where k is below half the number of classes: of few classes
    nearly every one is among the first k.

    Raises:
        ValueError: arrays that are missing or do not fit, or labels that are no class.
    """
    probability, label = needed(arrays, "probability", "label")
    _check(probability, label)
    measured = {"test/loss": negative_log_likelihood(probability, label)}
    for k in (1, 3, 5):
        if k == 1 or k < probability.shape[1] / 2:
            measured[f"test/top{k}_error"] = top_k_error(probability, label, k)
    return measured


def _check(probability: Floats, label: Integers) -> None:
    if probability.ndim != 2 or label.ndim != 1 or len(probability) != len(label) or len(label) == 0:
        raise ValueError(
            "probability must be (examples, classes) with one label an example, got "
            f"{probability.shape} and {label.shape}; pass the arrays of one predictions.npz"
        )
    if label.min() < 0 or label.max() >= probability.shape[1]:
        raise ValueError(
            f"label must be a class in [0, {probability.shape[1]}), got {label.min()} to {label.max()}; "
            "number the classes from 0"
        )
