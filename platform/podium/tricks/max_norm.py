"""Max-norm constraint (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014,
https://jmlr.org/papers/v15/srivastava14a.html, section 5.1; Hinton et al. 2012, https://arxiv.org/abs/1207.0580).

    w <- w * min(1, bound / ||w||)        after every optimizer step, for the incoming weights w of each unit

The units of a layer are its output features or channels; with groups in a transposed convolution those of each group.
Differs from the paper: units of the output layer are bound too.
"""

from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.optim import Optimizer

from podium.contracts import Trick
from podium.tricks.weights import require_shrinkable, shrinkable


class MaxNorm(Trick):
    """Keeps the length of each unit's incoming weights at ``bound`` or below; infinity is neutral.

    Raises:
        ValueError: ``bound`` is not positive, or the network has no weights.
    """

    def __init__(self, *, bound: float) -> None:
        if not bound > 0:
            raise ValueError(f"bound must be positive, got {bound}; .inf switches it off")
        self.bound = bound

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have weights."""
        require_shrinkable(network)
        return network

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Constrain after each step itself, before other tricks look at the weights, in whatever order they are named."""
        network = pl_module.get_submodule("network")

        def constrain(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
            self._constrain(network)

        for optimizer in trainer.optimizers:
            optimizer.register_step_post_hook(constrain)

    @torch.no_grad()
    def _constrain(self, network: nn.Module) -> None:
        for units in _units(network):
            length = torch.linalg.vector_norm(units, dim=tuple(range(2, units.ndim)), keepdim=True)
            units.mul_((self.bound / length).clamp(max=1.0))


def _units(network: nn.Module) -> Iterator[Tensor]:
    """Each weight as (groups, units, incoming ...), sharing its memory."""
    transposed = {m.weight: m.groups for m in network.modules() if isinstance(m, _ConvTransposeNd)}
    for weight in shrinkable(network):
        if weight in transposed:
            yield weight.view(transposed[weight], -1, *weight.shape[1:]).transpose(1, 2)
        else:
            yield weight.unsqueeze(0)
