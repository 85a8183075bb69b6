"""Layer-wise learning rates, called discriminative fine-tuning (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146).

    rate of a block = rate of the optimizer * factor ** (blocks between it and the head, itself included)

The head, the last block, has the optimizer's own rate; the schedule multiplies all alike. Follows the paper, which takes
a factor of 1 / 2.6. Blocks are those of ``podium.layers.blocks``.
"""

import pytorch_lightning as pl
from torch import nn

from podium.contracts import Trick
from podium.layers.blocks import blocks


class LayerRates(Trick):
    """Gives each block below the head ``factor`` times the learning rate of the one above it; 1 is neutral.

    Raises:
        ValueError: ``factor`` is outside (0, 1], or there is no block below the head.
    """

    def __init__(self, *, factor: float) -> None:
        if not 0 < factor <= 1:
            raise ValueError(f"factor must be in (0, 1], got {factor}; 1 switches it off")
        self.factor = factor

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have a block below its head."""
        if len(blocks(network)) < 2:
            raise ValueError(
                f"the network must hold a block below its head, got {type(network).__name__} without one; "
                "choose another network or leave this trick out"
            )
        return network

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Divide the optimizer's groups by block, before it gets back its state and the schedule sees its rates."""
        if self.factor == 1:
            return
        found = blocks(pl_module.get_submodule("network"))
        for optimizer in trainer.optimizers:
            groups = list(optimizer.param_groups)
            optimizer.param_groups.clear()
            for group in groups:
                for depth, block in enumerate(reversed(found)):
                    own = set(block.parameters)
                    if inside := [p for p in group["params"] if p in own]:
                        rate = group["lr"] * self.factor**depth
                        optimizer.add_param_group({**group, "params": inside, "lr": rate})
