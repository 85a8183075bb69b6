"""Mixup (Zhang, Cisse, Dauphin and Lopez-Paz 2017, https://arxiv.org/abs/1710.09412).

    lambda ~ Beta(alpha, alpha), one for each batch;  j = a random permutation of the batch
    input <- lambda * input + (1 - lambda) * input[j],  target likewise

Follows the paper's implementation note. Both draws come from torch's global generator on the CPU, the one
whose state checkpoints keep, so that a resumed run mixes as an uninterrupted one, on any device.
"""

import torch
from torch import Tensor

from podium.contracts import Batch, Trick
from podium.tricks.draws import beta


class Mixup(Trick):
    """Trains on convex combinations of pairs of examples and of their targets; ``alpha`` 0 is neutral.

    Raises:
        ValueError: ``alpha`` is negative or not finite, or the inputs are not floating-point numbers.
    """

    def __init__(self, *, alpha: float) -> None:
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must be at least 0 and finite, got {alpha}; 0 switches it off")
        self.alpha = alpha

    def edit_batch(self, batch: Batch) -> Batch:
        """The batch mixed with a permutation of itself."""
        if not batch.input.is_floating_point():
            raise ValueError(
                f"inputs must be floating-point numbers, got {batch.input.dtype}; leave this trick out"
            )
        if self.alpha == 0:
            return batch
        share, partner = self.draw(len(batch.input))
        partner = partner.to(batch.input.device)
        return Batch(mix(batch.input, partner, share), mix(batch.target, partner, share))

    def draw(self, count: int) -> tuple[float, Tensor]:
        """The share that each of so many examples keeps, and the places of their partners (count,), on the CPU."""
        if self.alpha == 0:
            return 1.0, torch.arange(count)
        return beta(self.alpha), torch.randperm(count)


def mix(values: Tensor, partner: Tensor, share: float | Tensor) -> Tensor:
    """Values (batch, ...) with those of their partners; shares of each example broadcast against them."""
    return share * values + (1 - share) * values[partner]
