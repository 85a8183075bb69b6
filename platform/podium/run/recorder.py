"""Writes a run's metrics to its journal, every so many steps and at the end of each epoch, and times the training."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pytorch_lightning as pl

from podium.contracts import Batch
from podium.tasks.base import Task

WARM_UP_STEPS = 3  # not timed: allocation, compilation, caches


class Points(Protocol):
    """Where metrics go: a run's journal, or memory."""

    def points(self, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Note the values of some metrics."""

    def flush(self) -> None:
        """Keep what was noted."""


class Diverged(ArithmeticError):
    """The loss was NaN or infinite; the message names the batch."""


class Recorder(pl.Callback):
    """Moves metrics from the device to the journal; one synchronisation a flush."""

    def __init__(self, journal: Points, *, every_n_steps: int, after_first_step: Callable[[], None]) -> None:
        self.journal = journal
        self.every_n_steps = every_n_steps
        self.after_first_step = after_first_step
        self.latest: dict[str, float] = {}
        self.train_s = 0.0
        self._timed_s = 0.0
        self._timed_images = 0
        self._steps_here = 0
        self._mark = time.perf_counter()
        self._began = time.perf_counter()

    @property
    def images_per_s(self) -> float:
        """Training throughput, without validation and the first steps; 0 when too little was timed."""
        return self._timed_images / self._timed_s if self._timed_s else 0.0

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock: what tricks do before the first step is a part of training."""
        self._began = self._mark = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave validation and checkpoints out of the throughput."""
        self._mark = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Time the step and flush when due."""
        if self._steps_here == 0:
            self.after_first_step()
        self._steps_here += 1
        if trainer.global_step % self.every_n_steps == 0:
            self._flush(trainer, pl_module, {})
        now = time.perf_counter()
        if self._steps_here > WARM_UP_STEPS:
            self._timed_s += now - self._mark
            self._timed_images += len(batch.target)
        self._mark = now

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note the validation metrics of the epoch, and what the meter still holds."""
        validation = {
            key: float(v) for key, v in trainer.callback_metrics.items() if key.startswith("validation/")
        }
        self._flush(trainer, pl_module, validation)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note what was recorded without a step."""
        self._flush(trainer, pl_module, {})

    def state_dict(self) -> dict[str, Any]:
        """Seconds trained so far, so that a resumed run reports its whole cost."""
        return {"train_s": self.train_s + time.perf_counter() - self._began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint's clock."""
        self.train_s = state_dict["train_s"]

    def stop_clock(self) -> None:
        """Training is over."""
        self.train_s += time.perf_counter() - self._began

    def _flush(self, trainer: pl.Trainer, module: pl.LightningModule, more: dict[str, float]) -> None:
        assert isinstance(module, Task)
        try:
            metrics = module.flush() | more
        except FloatingPointError as error:
            per_epoch = int(-(-trainer.num_training_batches // trainer.accumulate_grad_batches))
            raise Diverged(divergence(error.args[0], per_epoch=per_epoch)) from None
        if metrics:
            self.latest |= metrics
            self.journal.points(trainer.global_step, trainer.current_epoch, metrics)
            self.journal.flush()


def divergence(step: int, *, per_epoch: int) -> str:
    """What a run says whose loss was not finite in this step, of so many in an epoch."""
    epoch, batch = divmod(step, per_epoch)
    return (
        f"training needs a finite loss, got NaN or infinity at step {step} (epoch {epoch}, batch {batch} of "
        f"{per_epoch}, counted from 0); lower optimizer.lr, or add tricks=[grad_clip]"
    )
