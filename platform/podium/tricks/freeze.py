"""Frozen layers (Yosinski, Clune, Bengio and Lipson 2014, https://arxiv.org/abs/1411.1792).

    only the head and the top_blocks blocks in front of it are trained; the rest keeps its weights, and its batch norms
    their running statistics, with which they normalise in training too

Blocks are those of ``podium.layers.blocks``. Differs from the paper: which layers are kept is counted from the head and
not from the input, and batch norms are considered, which its network has none of.
"""

from typing import Any

import pytorch_lightning as pl
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from podium.contracts import Trick
from podium.layers.blocks import Block, blocks


class Freeze(Trick):
    """Trains the head and ``top_blocks`` blocks in front of it; null trains all and is neutral.

    Dropout in frozen blocks goes on. What other tricks add afterwards is trained.

    Raises:
        ValueError: ``top_blocks`` is negative, or leaves no block to freeze.
    """

    def __init__(self, *, top_blocks: int | None) -> None:
        if top_blocks is not None and top_blocks < 0:
            raise ValueError(f"top_blocks must be null or at least 0, got {top_blocks}; null freezes nothing")
        self.top_blocks = top_blocks
        self._below: list[Block] = []

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network with parameters that ask for no gradient."""
        for block in self._frozen(network):
            for parameter in block.parameters:
                parameter.requires_grad_(False)
        return network

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the frozen blocks, as other tricks have left them."""
        self._below = self._frozen(pl_module.get_submodule("network"))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep frozen batch norms in evaluation mode, whatever was done to the whole network."""
        for block in self._below:
            set_norms(block, training=False)

    def _frozen(self, network: nn.Module) -> list[Block]:
        if self.top_blocks is None:
            return []
        found = blocks(network)
        below = found[: max(0, len(found) - 1 - self.top_blocks)]
        if not below:
            raise ValueError(
                f"the network must hold a block below its head and top_blocks={self.top_blocks} more, got "
                f"{type(network).__name__} with {len(found)} blocks in all; choose another network or leave this trick out"
            )
        return below


def set_norms(block: Block, *, training: bool) -> None:
    """Put a block's batch norms into training or evaluation mode."""
    for part in block.modules:
        for module in part.modules():
            if isinstance(module, _BatchNorm):
                module.train(training)
