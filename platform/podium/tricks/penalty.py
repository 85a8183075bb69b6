"""L1 and L2 penalties (Krogh and Hertz 1991,
https://papers.nips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html; Tibshirani 1996,
https://www.jstor.org/stable/2346178).

    loss + strength * sum over all weights of |w|^power

Weights are the trained parameters with at least 2 dimensions: no biases and no gains of norms.
Differs from the paper: no factor 1/2 for power 2, as in Keras, so the gradient gains 2 * strength * w; power 1 is a
penalty on a network's weights instead of a bound on those of a linear regression.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from podium.contracts import Batch, Trick
from podium.tricks.weights import require_shrinkable, shrinkable


class Penalty(Trick):
    """Adds ``strength`` times the sum of absolute (``power`` 1) or squared (2) weights to the training loss; 0 is neutral.

    Raises:
        ValueError: ``power`` is neither 1 nor 2, ``strength`` is negative or not finite, or the network has no weights.
    """

    def __init__(self, *, power: Literal[1, 2], strength: float) -> None:
        if power not in (1, 2):
            raise ValueError(f"power must be 1 or 2, got {power}; 1 for the L1 penalty, 2 for L2")
        if not 0 <= strength < float("inf"):
            raise ValueError(f"strength must be at least 0 and finite, got {strength}; 0 switches it off")
        self.power = power
        self.strength = strength

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have weights."""
        require_shrinkable(network)
        return network

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        """The loss with the penalty."""
        return loss + self.strength * torch.stack([self._sum(w) for w in shrinkable(network)]).sum()

    def _sum(self, weight: Tensor) -> Tensor:
        return (weight.abs() if self.power == 1 else weight.square()).sum()
