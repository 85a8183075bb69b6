"""An epoch of Lightning's whose step calls only those hooks that somebody has.

Lightning's own step takes about 0.7 ms of processor time besides the training: for each of a dozen hooks it asks every
callback, opens a profile, and writes down whose turn it is. Here the callbacks that have a hook are found once an epoch,
in Lightning's order, and the step itself is zero, backward and step of one optimizer. What is counted, what callbacks
see and what a checkpoint holds stay Lightning's; whatever is not plain is left to its own step.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loops.fetchers import _DataFetcher
from pytorch_lightning.loops.training_epoch_loop import _TrainingEpochLoop
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor

from podium.contracts import Batch

HOOKS = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


class LeanEpoch(_TrainingEpochLoop):
    """The training batches of an epoch on one device, without what a plain step does not need."""

    _hooks: dict[str, list[Callable[..., Any]]] | None = None

    @classmethod
    def into(cls, trainer: pl.Trainer) -> None:
        """Make a trainer run its epochs so."""
        old = trainer.fit_loop.epoch_loop
        trainer.fit_loop.epoch_loop = cls(trainer, min_steps=old.min_steps, max_steps=old.max_steps)

    def on_run_start(self, data_fetcher: _DataFetcher) -> None:
        """Find out who has which hook."""
        super().on_run_start(data_fetcher)
        plain = is_plain(self.trainer)
        self._hooks = {name: hooks(self.trainer, name) for name in HOOKS} if plain else None

    def advance(self, data_fetcher: _DataFetcher) -> None:
        """Train on one batch; after a resume, the first time as Lightning does.

        Raises:
            StopIteration: there is no further batch.
        """
        if self._hooks is None or self.restarting:
            super().advance(data_fetcher)
            return
        trainer, progress = self.trainer, self.batch_progress
        self.val_loop.restarting = False
        batch, _, _ = next(data_fetcher)
        index = self.batch_idx + 1
        progress.is_last_batch = data_fetcher.done
        if trainer.strategy.root_device.type != "cpu":
            batch = trainer.strategy.batch_to_device(batch, dataloader_idx=0)
        progress.increment_ready()
        trainer._logger_connector.on_batch_start(batch)
        self._tell("on_train_batch_start", batch, index)
        progress.increment_started()
        outputs = self._step(batch, index)
        progress.increment_processed()
        self._tell("on_train_batch_end", outputs, batch, index)
        trainer._logger_connector.on_batch_end()
        progress.increment_completed()
        trainer._logger_connector.update_train_step_metrics()

    def _step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """One step of the optimizer; the loss, detached."""
        task, optimizer = self.trainer.lightning_module, self.trainer.optimizers[0]
        counts = self.automatic_optimization.optim_progress.optimizer.step
        outputs: dict[str, Tensor] = {}
        counts.increment_ready()
        task.optimizer_step(
            self.trainer.current_epoch, index, optimizer, partial(self._gradients, batch, index, outputs)
        )
        counts.increment_completed()
        return outputs

    def _gradients(self, batch: Batch, index: int, outputs: dict[str, Tensor]) -> Tensor:
        """Loss and gradients of a batch, as the optimizer asks for them."""
        task, optimizer = self.trainer.lightning_module, self.trainer.optimizers[0]
        counts = self.automatic_optimization.optim_progress.optimizer.zero_grad
        task._current_fx_name = "training_step"  # self.log asks for it
        loss = task.training_step(batch, index)
        task._current_fx_name = None
        outputs["loss"] = loss.detach()
        counts.increment_ready()
        self._tell("on_before_zero_grad", optimizer)
        counts.increment_started()
        task.optimizer_zero_grad(self.trainer.current_epoch, index, optimizer)
        counts.increment_completed()
        self._tell("on_before_backward", loss)
        task.backward(loss)
        self._tell("on_after_backward")
        self._tell("on_before_optimizer_step", optimizer)
        return outputs["loss"]

    def _tell(self, hook: str, *given: Any) -> None:
        """Call those who have a hook, callbacks before the task."""
        assert self._hooks is not None
        if not (found := self._hooks[hook]):
            return
        task = self.trainer.lightning_module
        task._current_fx_name = hook
        for one in found:
            one(*given)
        task._current_fx_name = None


def hooks(trainer: pl.Trainer, name: str) -> list[Callable[..., Any]]:
    """A hook of those who have it, callbacks before the task, to be called with what belongs to the batch."""
    task = trainer.lightning_module
    found: list[Callable[..., Any]] = [
        partial(getattr(one, name), trainer, task)
        for one in trainer.callbacks  # type: ignore[attr-defined]  # a connector of Lightning's sets them
        if has(one, name)
    ]
    return [*found, getattr(task, name)] if has(task, name) else found


def is_plain(trainer: pl.Trainer) -> bool:
    """Whether a step is one batch, one optimizer and one device in float32, with nothing of Lightning's in between."""
    task = trainer.lightning_module
    return (
        type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.precision_plugin) is Precision
        and trainer.accumulate_grad_batches == 1
        and trainer.gradient_clip_val is None
        and task.automatic_optimization
        and not isinstance(trainer.optimizers[0], torch.optim.LBFGS)  # which asks more than once in a step
    )


def has(part: object, hook: str) -> bool:
    """Whether a callback, or a task, has a hook of its own."""
    base = pl.Callback if isinstance(part, pl.Callback) else pl.LightningModule
    return hook in vars(part) or getattr(type(part), hook) is not getattr(base, hook)
