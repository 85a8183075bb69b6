"""How well a true candidate is told from noise."""

import math

import numpy as np

from podium.metrics import Arrays, needed


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/loss``, -log p summed over candidates, and ``test/noise_accuracy``, the share of noise below the true one.

    From ``value``, logits, and ``label``, 1 for the first candidate and 0 for noise, both (examples, candidates). Noise with
    the true one's logit is not told from it. Sums are exact.

    Raises:
        ValueError: an array is missing or empty, does not fit, or has another candidate than the first as the true one.
    """
    value, label = needed(arrays, "value", "label")
    if value.ndim != 2 or value.shape != label.shape or len(value) == 0 or value.shape[1] < 2:
        raise ValueError(
            f"value and label must be (examples, candidates), got {value.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    if not (label[:, 0] == 1).all() or label[:, 1:].any():
        raise ValueError(
            "label must be 1 for the first candidate alone, got others; pass the arrays of one predictions.npz"
        )
    logits = value.astype(np.float64)
    surprise = np.logaddexp(0.0, np.concatenate([-logits[:, :1], logits[:, 1:]], axis=1))
    below = (logits[:, 1:] < logits[:, :1]).mean(axis=1)
    return {
        "test/loss": math.fsum(surprise.ravel().tolist()) / len(logits),
        "test/noise_accuracy": math.fsum(below.tolist()) / len(logits),
    }
