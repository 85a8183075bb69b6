"""Errors of plain decisions, of networks that give no probabilities."""

import numpy as np

from podium.metrics import Arrays, needed


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/top1_error`` from ``decision`` and ``label``, class numbers (examples,).

    Raises:
        ValueError: arrays that are missing, empty or do not fit.
    """
    decision, label = needed(arrays, "decision", "label")
    if decision.shape != label.shape or label.ndim != 1 or len(label) == 0:
        raise ValueError(
            f"decision and label must be (examples,), got {decision.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    return {"test/top1_error": float(np.mean(decision != label))}
