"""Stochastic weight averaging (Izmailov, Podoprikhin, Garipov, Vetrov and Wilson 2018, https://arxiv.org/abs/1803.05407).

    average <- (n * average + w) / (n + 1)        after each epoch from start * max_epochs on, with n epochs averaged before;
    then the statistics of batch norms become the means of those of the training batches (augmented and edited as in
    training) under the average

Differs from the paper: the learning rate stays what the schedule says, where the paper keeps it high or lets it cycle
(schedule=constant comes closest); the statistics are renewed after every averaged epoch and not only at the end, so that
validation sees what the run would end with. That is one more pass forward through the training split for each of these
epochs; a network without batch norm needs none.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from podium.tricks.averaging import Averaging, tensors_of
from podium.tricks.second_pass import pass_again

_LOG = logging.getLogger(__name__)


class SWA(Averaging):
    """Evaluates, and ends with, the mean of the weights at the ends of epochs; a ``start`` of 1 is neutral.

    ``start`` is the share of the epochs before the first one that is averaged. Until then the live weights are evaluated.

    Raises:
        ValueError: ``start`` is outside [0, 1], nothing in the network is trained, or the run has another average.
    """

    def __init__(self, *, start: float) -> None:
        super().__init__()
        if not 0 <= start <= 1:
            raise ValueError(f"start must be in [0, 1], got {start}; 1 switches it off")
        self.start = start

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take in the weights at the end of an epoch, before its validation."""
        assert trainer.max_epochs is not None
        ended = batch_idx + 1 == trainer.num_training_batches
        first = int(self.start * trainer.max_epochs + 1e-9)  # 0.29 * 100 is a bit below 29
        if ended and trainer.current_epoch >= first:
            self.average_in(pl_module, 1 / (self._updates + 1))
            self._updates += 1
            self._renew_statistics(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End with the average; say so if training ended before there was one."""
        super().on_fit_end(trainer, pl_module)
        if self.start < 1 and self._updates == 0:
            _LOG.warning(
                "swa averaged nothing: training ended before tricks.swa.start=%s of its epochs", self.start
            )

    def _renew_statistics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the mean statistics of the training batches under the average into the average."""
        norms = {
            name: module
            for name, module in pl_module.get_submodule("network").named_modules()
            if isinstance(module, _BatchNorm) and module.running_mean is not None
        }
        if not norms:
            return
        self.swap_in(pl_module)
        with _means(list(norms.values())), torch.no_grad(), _draws_kept(pl_module):
            for k, batch in enumerate(_training_batches(trainer)):
                pass_again(trainer, pl_module, batch, k)
        tensors = tensors_of(pl_module)
        for name in norms:
            for kind in ("running_mean", "running_var"):
                self._average[f"{name}.{kind}"].copy_(tensors[f"{name}.{kind}"])
        self.swap_out(pl_module)


@contextmanager
def _means(norms: list[_BatchNorm]) -> Iterator[None]:
    """Let batch norms take the plain mean over the batches from now on, and forget what was before."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.zero_()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def _draws_kept(pl_module: pl.LightningModule) -> Iterator[None]:
    """Leave the random generators as they were."""
    devices = [pl_module.device] if pl_module.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        yield


def _training_batches(trainer: pl.Trainer) -> Iterator[Any]:
    """All training batches on the device, in the order of the epoch after the last one.

    That epoch is never trained: a loader that resumed in the middle of an epoch would leave out the first batches of it.
    """
    loader: Any = trainer.train_dataloader
    sampler = getattr(loader, "sampler", None)
    move = getattr(sampler, "set_epoch", lambda epoch: None)
    move(trainer.max_epochs)
    for batch in loader:
        converted = trainer.strategy.precision_plugin.convert_input(batch)
        yield trainer.strategy.batch_to_device(converted)
    move(trainer.current_epoch)
