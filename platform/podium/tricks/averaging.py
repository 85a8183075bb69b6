"""What averages of the weights have in common: when the average is in the network, and when the live weights are."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from podium.contracts import Trick
from podium.layers.surgery import PARAMETRIZATIONS
from podium.tricks.weights import require_trained


class Averaging(Trick):
    """Evaluates, and ends with, averaged weights, once there are any; a subclass moves the average by ``average_in``.

    Weights and floating-point buffers are averaged. Counters are copied, and so is what a layer computes its weight with,
    as the unit vectors of spectral normalisation, whose mean would be shorter.

    In training the live weights are in the network and the average is here, and so they are in checkpoints.
    The average is put into the network for every validation and at the end of the fit. A checkpoint of the
    middle of a fit must be written after the tricks' ``on_train_batch_end``, as Lightning's own checkpoint
    callbacks are.

    Raises:
        ValueError: nothing in the network is trained, or the run has another average.
    """

    def __init__(self) -> None:
        self._average: dict[str, Tensor] = {}
        self._live: dict[str, Tensor] = {}  # the training weights while the average is in the network
        self._updates = 0
        self._final = False

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network, which must have something to train."""
        require_trained(network)
        return network

    def check(self, task: pl.LightningModule, tricks: Sequence[Trick]) -> None:
        """There must be one average."""
        averages = [type(trick).__name__ for trick in tricks if isinstance(trick, Averaging)]
        if len(averages) > 1:
            raise ValueError(
                f"a run must have one average of its weights, got {' and '.join(sorted(averages))}; leave one out"
            )

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The network is about to hold live weights."""
        self._final = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Go on from a checkpoint's average, on the network's device."""
        for name, live in tensors_of(pl_module).items() if self._average else ():
            self._average[name] = self._average[name].to(live.device)

    @torch.no_grad()
    def average_in(self, pl_module: pl.LightningModule, share: float) -> None:
        """Move the average by this share of the way to the weights; what cannot be averaged is copied."""
        network = pl_module.get_submodule("network")
        copied = {name for name, _ in network.named_buffers() if PARAMETRIZATIONS in name.split(".")}
        for name, live in tensors_of(pl_module).items():
            if name not in self._average:
                self._average[name] = _wide(live).clone()
            elif live.is_floating_point() and name not in copied:
                average = self._average[name]
                average.lerp_(live.to(average.dtype), share)
            else:
                self._average[name].copy_(live)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate the average."""
        self.swap_in(pl_module)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train the live weights on."""
        self.swap_out(pl_module)

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Test the average, also of a checkpoint from the middle of a fit."""
        self.swap_in(pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave the weights as they were."""
        self.swap_out(pl_module)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Put the live weights back when a run is stopped in its validation."""
        self.swap_out(pl_module)

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
        return {"average": self._average, "updates": self._updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved average."""
        self._average = {name: tensor.clone() for name, tensor in state_dict["average"].items()}
        self._updates = state_dict["updates"]

    def swap_in(self, pl_module: pl.LightningModule) -> None:
        """Put the average into the network, until ``swap_out``."""
        if self._average and not self._final:
            self._live = {name: tensor.clone() for name, tensor in tensors_of(pl_module).items()}
            _write(pl_module, self._average)

    def swap_out(self, pl_module: pl.LightningModule) -> None:
        """Put the live weights back, if they are not there."""
        _write(pl_module, self._live)
        self._live = {}


def tensors_of(pl_module: pl.LightningModule) -> dict[str, Tensor]:
    """The network's weights and buffers by name, sharing memory with the network."""
    tensors: dict[str, Tensor] = pl_module.get_submodule("network").state_dict()
    return tensors


@torch.no_grad()
def _write(pl_module: pl.LightningModule, values: Mapping[str, Tensor]) -> None:
    """Copy values into the network in place, so that the optimizer keeps its parameters."""
    tensors = tensors_of(pl_module)
    for name, value in values.items():
        tensors[name].copy_(value)


def _wide(tensor: Tensor) -> Tensor:
    """At least 32 bits: in bfloat16 an average of many steps would stand still."""
    return (
        tensor.to(torch.promote_types(tensor.dtype, torch.float32)) if tensor.is_floating_point() else tensor
    )
