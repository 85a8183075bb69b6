"""Gradual unfreezing (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146, section 3.3).

    in epoch e (counted from 0) the head and the floor(e / every) blocks in front of it are trained

Frozen batch norms normalise with their running statistics. Blocks are those of ``podium.layers.blocks``. Follows the
paper, where every is 1.
"""

import logging
from typing import Any

import pytorch_lightning as pl
from torch import nn

from podium.contracts import Trick
from podium.layers.blocks import Block, blocks
from podium.tricks.freeze import set_norms

_LOG = logging.getLogger(__name__)


class GradualUnfreezing(Trick):
    """Trains the head first, and one more block in front of it after each ``every`` epochs; 0 is neutral.

    Only what would be trained without it is frozen and unfrozen: what ``freeze`` froze stays so.

    Raises:
        ValueError: ``every`` is negative, or there is nothing to train below the head.
    """

    def __init__(self, *, every: int) -> None:
        if every < 0:
            raise ValueError(f"every must be at least 0 epochs, got {every}; 0 switches it off")
        self.every = every
        self._blocks: list[Block] = []
        self._trained = 0

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train below its head."""
        _trained_blocks(network)
        return network

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the blocks that the optimizer trains."""
        self._blocks = _trained_blocks(pl_module.get_submodule("network")) if self.every else []
        self._trained = 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Freeze and unfreeze when it is time: here and not when an epoch starts, for a run may resume in its middle."""
        if self.every and self._trained != (due := 1 + trainer.current_epoch // self.every):
            self._trained = due
            self._train_top(due)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave everything to be trained again; say so if some of it never was."""
        never = len(self._blocks) - self._trained
        if never > 0:
            _LOG.warning(
                "gradual_unfreezing left %d of %d blocks frozen to the end: raise trainer.max_epochs, or lower "
                "tricks.gradual_unfreezing.every",
                never,
                len(self._blocks),
            )
        self._train_top(len(self._blocks))

    def _train_top(self, count: int) -> None:
        for place, block in enumerate(reversed(self._blocks)):
            for parameter in block.parameters:
                parameter.requires_grad_(place < count)
            set_norms(block, training=place < count)


def _trained_blocks(network: nn.Module) -> list[Block]:
    """The blocks with the parameters that ask for gradients, without those that have none.

    Raises:
        ValueError: there are fewer than two.
    """
    trained = (
        Block(block.name, block.modules, tuple(p for p in block.parameters if p.requires_grad))
        for block in blocks(network)
    )
    found = [block for block in trained if block.parameters]
    if len(found) < 2:
        raise ValueError(
            f"the network must hold a trained block below its head, got {type(network).__name__} without one; "
            "choose another network or leave this trick out"
        )
    return found
