"""L2 penalty (Krogh and Hertz 1991, https://papers.nips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html).

    loss + strength * sum over all weights of w^2

Weights are the trained parameters with at least 2 dimensions: no biases and no gains of norms.
Differs from the paper: no factor 1/2, as in Keras, so the gradient gains 2 * strength * w.
"""

import torch
from torch import Tensor, nn

from podium.contracts import Batch, Trick
from podium.tricks.weights import require_shrinkable, shrinkable


class L2(Trick):
    """Adds ``strength`` times the sum of squared weights to the training loss; 0 is neutral.

    Raises:
        ValueError: ``strength`` is negative or not finite, or the network has no weights.
    """

    def __init__(self, *, strength: float) -> None:
        if not 0 <= strength < float("inf"):
            raise ValueError(f"strength must be at least 0 and finite, got {strength}; 0 switches it off")
        self.strength = strength

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have weights."""
        require_shrinkable(network)
        return network

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        """The loss with the penalty."""
        return loss + self.strength * torch.stack([w.square().sum() for w in shrinkable(network)]).sum()
