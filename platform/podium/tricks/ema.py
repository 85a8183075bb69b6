"""Exponential moving average of the weights (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046).

    average <- d * average + (1 - d) * w        after every optimizer step;  d = decay, or with warmup
                                                d = min(decay, (1 + n) / (10 + n)) after n earlier updates

Over the network's weights and its floating-point buffers (running statistics of norms); counters are copied.
Differs from the paper: recent weights count more, as in Tarvainen and Valpola 2017
(https://arxiv.org/abs/1703.01780), where the paper takes the plain mean.
"""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from podium.contracts import Trick
from podium.tricks.weights import require_trained


class EMA(Trick):
    """Evaluates, and ends with, averaged weights; ``decay`` 0 is neutral.

    In training the live weights are in the network and the average is here, and so they are in checkpoints.
    The average is put into the network for every validation and at the end of the fit. A checkpoint of the
    middle of a fit must be written after the tricks' ``on_train_batch_end``, as Lightning's own checkpoint
    callbacks are.

    Raises:
        ValueError: ``decay`` is outside [0, 1), or nothing in the network is trained.
    """

    def __init__(self, *, decay: float, warmup: bool) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}; 0 switches it off")
        self.decay = decay
        self.warmup = warmup
        self._average: dict[str, Tensor] = {}
        self._live: dict[str, Tensor] = {}  # the training weights while the average is in the network
        self._updates = 0
        self._step = 0
        self._final = False

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train."""
        require_trained(network)
        return network

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The network is about to hold live weights."""
        self._final = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the initial weights, or go on from a checkpoint's average on the network's device."""
        live = _tensors(pl_module)
        start = self._average or live
        self._average = {name: _wide(start[name]).to(live[name].device, copy=True) for name in live}

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average towards the weights, unless gradients only accumulated."""
        if trainer.global_step == self._step:
            return
        decay = min(self.decay, (1 + self._updates) / (10 + self._updates)) if self.warmup else self.decay
        for name, live in _tensors(pl_module).items():
            if live.is_floating_point():
                average = self._average[name]
                average.lerp_(live.to(average.dtype), 1 - decay)
            else:
                self._average[name].copy_(live)
        self._updates += 1
        self._step = trainer.global_step

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the average."""
        self._swap_in(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train the live weights on."""
        self._swap_out(pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Test the average, also of a checkpoint from the middle of a fit."""
        self._swap_in(pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the weights as they were."""
        self._swap_out(pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Put the live weights back when a run is stopped in its validation."""
        self._swap_out(pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End with the average, once the last checkpoint of the fit, with the live weights, is written."""
        if self._average:
            _write(pl_module, self._average)
        self._final = True

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """A checkpoint holds live weights, also when it is written during a validation."""
        for name, live in self._live.items():
            checkpoint["state_dict"][f"network.{name}"] = live

    def state_dict(self) -> dict[str, Any]:
        """The average and how many updates made it."""
        return {"average": self._average, "updates": self._updates, "step": self._step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved average."""
        self._average = {name: tensor.clone() for name, tensor in state_dict["average"].items()}
        self._updates = state_dict["updates"]
        self._step = state_dict["step"]

    def _swap_in(self, pl_module: pl.LightningModule) -> None:
        if self._average and not self._final:
            self._live = {name: tensor.clone() for name, tensor in _tensors(pl_module).items()}
            _write(pl_module, self._average)

    def _swap_out(self, pl_module: pl.LightningModule) -> None:
        _write(pl_module, self._live)
        self._live = {}


def _tensors(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    """The network's weights and buffers by name, sharing memory with the network."""
    tensors: dict[str, Tensor] = pl_module.get_submodule("network").state_dict()
    return tensors


@torch.no_grad()
def _write(pl_module: pl.LightningModule, values: Mapping[str, Tensor]) -> None:
    """Copy values into the network in place, so that the optimizer keeps its parameters."""
    tensors = _tensors(pl_module)
    for name, value in values.items():
        tensors[name].copy_(value)


def _wide(tensor: Tensor) -> Tensor:
    """At least 32 bits: in bfloat16 an average of many steps would stand still."""
    return (
        tensor.to(torch.promote_types(tensor.dtype, torch.float32)) if tensor.is_floating_point() else tensor
    )
