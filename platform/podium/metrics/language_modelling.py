"""How well the next symbol is predicted."""

import math

import numpy as np

from podium.metrics import Arrays, needed


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/bits_per_character`` and ``test/perplexity``, 2 to the power of it.

    From ``surprise``, -log p of every true symbol, and ``label``, both (examples, length); places of label -1 do not count.

    Raises:
        ValueError: an array is missing, does not fit, holds no symbol, or a negative surprise.
    """
    surprise, label = needed(arrays, "surprise", "label")
    if surprise.ndim != 2 or surprise.shape != label.shape or not (label >= 0).any():
        raise ValueError(
            f"surprise and label must be (examples, length) with symbols, got {surprise.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    counted = surprise[label >= 0]
    if np.any(counted < 0):
        raise ValueError(f"surprise must not be negative, got {counted.min()}; train the run again")
    nats = math.fsum(counted.tolist()) / counted.size
    return {"test/bits_per_character": nats / math.log(2), "test/perplexity": math.exp(nats)}
