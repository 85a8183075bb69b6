"""Gradient clipping by the global norm (Pascanu, Mikolov and Bengio 2013, https://arxiv.org/abs/1211.5063).

    g <- g * min(1, max_norm / ||g||)        with the norm over all gradients that the optimizer is about to
    use

Follows the paper, but for the 1e-6 that torch adds to the norm it divides by.
"""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer

from podium.contracts import Trick
from podium.tricks.weights import require_trained


class GradClip(Trick):
    """Scales the gradient down to the norm ``max_norm`` where it is longer; infinity is neutral.

    Raises:
        ValueError: ``max_norm`` is not positive, or nothing in the network is trained.
    """

    def __init__(self, *, max_norm: float) -> None:
        if not max_norm > 0:
            raise ValueError(f"max_norm must be positive, got {max_norm}; .inf switches it off")
        self.max_norm = max_norm

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train."""
        require_trained(network)
        return network

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Clip the gradients of this optimizer's parameters, once they are unscaled and accumulated."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, self.max_norm)
