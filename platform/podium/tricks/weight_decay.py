"""Decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    w <- w - lr * decay * w        before every optimizer step, at the optimizer's learning rate of that step

Weights are the trained parameters with at least 2 dimensions: no biases and no gains of norms. Follows
torch.optim.AdamW. Differs from the paper: the rate that multiplies the decay is the whole learning rate and
not its schedule alone, and only weights decay. It adds to a ``weight_decay`` that the optimizer itself has.
"""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer

from podium.contracts import Trick
from podium.tricks.weights import require_shrinkable, shrinkable


class WeightDecay(Trick):
    """Shrinks every weight by the factor 1 - lr * ``decay`` at each optimizer step; 0 is neutral.

    Raises:
        ValueError: ``decay`` is negative or not finite, or the network has no weights.
    """

    def __init__(self, *, decay: float) -> None:
        if not 0 <= decay < float("inf"):
            raise ValueError(f"decay must be at least 0 and finite, got {decay}; 0 switches it off")
        self.decay = decay

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have weights."""
        require_shrinkable(network)
        return network

    @torch.no_grad()
    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Shrink the weights that this optimizer is about to step and that have a gradient."""
        weights = set(shrinkable(pl_module.get_submodule("network")))
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter in weights and parameter.grad is not None:
                    parameter.mul_(1 - group["lr"] * self.decay)
