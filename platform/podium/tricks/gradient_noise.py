"""Gradient noise (Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach and Martens 2015, https://arxiv.org/abs/1511.06807).

    g <- g + normal noise of variance eta / (1 + t)^gamma        with t earlier optimizer steps

Follows the paper, which adds the noise after clipping: tricks=[grad_clip,gradient_noise]. Processes that train one network
together add the same noise.
"""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim import Optimizer

from podium.contracts import Trick
from podium.tricks.weights import require_trained


class GradientNoise(Trick):
    """Adds noise to the gradient that the optimizer is about to use, less and less of it; an ``eta`` of 0 is neutral.

    Raises:
        ValueError: ``eta`` or ``gamma`` is negative or not finite, or nothing in the network is trained.
    """

    def __init__(self, *, eta: float, gamma: float) -> None:
        for name, value in (("eta", eta), ("gamma", gamma)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be at least 0 and finite, got {value}; eta=0 switches it off")
        self.eta = eta
        self.gamma = gamma

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train."""
        require_trained(network)
        return network

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Add the noise, once the gradients are unscaled and accumulated."""
        if self.eta == 0:
            return
        deviation = (self.eta / (1 + trainer.global_step) ** self.gamma) ** 0.5
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    noise = torch.randn_like(parameter.grad)
                    if trainer.world_size > 1:
                        torch.distributed.broadcast(noise, src=0)
                    parameter.grad.add_(noise, alpha=deviation)
