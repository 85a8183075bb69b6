"""How much of what is to be written was written."""

from typing import Any

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

UNKNOWN = 1  # the symbol of what a vocabulary does not hold: writing it is never right
Array = npt.NDArray[Any]


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/symbol_accuracy`` and ``test/sequence_accuracy``: shares of right places, and of sequences right at all.

    From ``label`` and ``written``, sequences of symbols (examples, length) that are closed by their end and filled up
    with -1. Places are those of the label, its end included; what goes on is wrong where the end should be.

    Raises:
        ValueError: arrays that are missing or do not fit, or a label without a symbol.
    """
    written, label = sequences(arrays)
    reached = np.full_like(label, -1)
    width = min(label.shape[1], written.shape[1])
    reached[:, :width] = written[:, :width]
    hits = (reached == label) & (label >= 0) & (label != UNKNOWN)
    places = (label >= 0).sum(axis=1)
    return {
        "test/symbol_accuracy": int(hits.sum()) / int(places.sum()),
        "test/sequence_accuracy": int((hits.sum(axis=1) == places).sum()) / len(label),
    }


def sequences(arrays: Arrays) -> tuple[Array, Array]:
    """What was written, and labels.

    Raises:
        ValueError: arrays that are missing or do not fit, or a label without a symbol.
    """
    written, label = needed(arrays, "written", "label")
    fits = written.ndim == label.ndim == 2 and 0 < len(written) == len(label)
    if not fits or not (label >= 0).any(axis=1).all():
        raise ValueError(
            f"written and label must be (examples, length) with symbols, got {written.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    return written, label
