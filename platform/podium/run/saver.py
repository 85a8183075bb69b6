"""Checkpoints from which a run goes on bit for bit, at any step.

Three things make a resume exact: the order of the examples depends on (seed, epoch) alone, the number of batches to
leave out is counted from those processed, and the state of the random generator is restored after Lightning's own
set-up has finished drawing from it. In the last batch of an epoch nothing is saved: Lightning does not resume there
exactly, and the end of the epoch is a moment away.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from podium.data.loader import BatchLoader
from podium.run.errors import ConfigError
from podium.run.interrupts import Interrupted, Interrupts
from podium.tasks.base import Task

PLACE = "place"  # in a checkpoint: the epoch, and the batches of it that were processed


@dataclass(frozen=True)
class Reached:
    """How far a checkpoint came: steps, whole epochs, batches of the next; null in one from before they were noted."""

    step: int
    epoch: int
    batch: int | None


class Saver(pl.callbacks.Checkpoint):
    """Writes last.ckpt every so many seconds, when a run is asked to end, and when its training ends.

    ``paused`` says that training ended at ``stop_epoch`` and not at its own end. A checkpoint of exactly ``begin`` epochs
    was written by other values than those that count from there on.
    """

    def __init__(
        self,
        path: Path,
        *,
        every_s: float,
        stop_epoch: int | None,
        interrupts: Interrupts,
        loader: BatchLoader,
        begin: int,
    ) -> None:
        self.path = path
        self.every_s = every_s
        self.stop_epoch = stop_epoch
        self.interrupts = interrupts
        self.loader = loader
        self.begin = begin
        self.paused = False
        self._saved_at = time.monotonic()
        self._rng: dict[str, Any] | None = None
        self._group: Any = None  # the workers', on the CPU; null where there is one
        self._agreed: int | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the other workers."""
        if trainer.world_size > 1:
            self._group = torch.distributed.new_group(backend="gloo")

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the random generators, or give each of several workers its own; take the signals back from Lightning."""
        self.interrupts.install()
        if self._rng is not None:
            torch.set_rng_state(self._rng["cpu"])
            if self._rng["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(self._rng["cuda"])
            self._rng = None
        elif self._group is not None:
            torch.manual_seed(worker_seed(self.loader.seed, trainer.global_rank))
        self._pause_if_due(trainer, epochs=trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save in the middle of an epoch when it is time, between optimizer steps."""
        between_steps = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if between_steps and batch_idx + 1 < trainer.num_training_batches:
            if self._due():
                self._save(trainer)
            self._check()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save at the end of an epoch when it is time, and always at the end of training."""
        epochs = trainer.current_epoch + 1
        self._pause_if_due(trainer, epochs=epochs)
        due = self._due()
        if trainer.should_stop or epochs == trainer.max_epochs or due:
            self._save(trainer)
        self._check()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the random generators as tensors, which load with weights_only; of several workers, each one's own."""
        checkpoint["rng"] = generators()
        checkpoint[PLACE] = list(self._place(checkpoint))
        if self._group is not None:
            assert isinstance(pl_module, Task)
            own = {"rng": checkpoint["rng"], "meter": pl_module.meter.state()}
            checkpoint["workers"] = [None] * trainer.world_size
            torch.distributed.all_gather_object(checkpoint["workers"], own, group=self._group)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave out the batches that were processed before."""
        assert isinstance(pl_module, Task)
        self._rng = checkpoint["rng"]
        if trainer.world_size > 1:
            own = checkpoint["workers"][trainer.global_rank]
            self._rng = own["rng"]
            pl_module.meter.restore(own["meter"], pl_module.device)
        epoch, batch = self._place(checkpoint)
        self.loader.resume_at(epoch=epoch, batch=batch)
        pl_module.takes_up = bool(self.begin) and (epoch, batch) == (self.begin, 0)

    def _place(self, checkpoint: dict[str, Any]) -> tuple[int, int]:
        """How many epochs, and batches of the next, were processed."""
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        processed: int = progress["total"]["processed"]
        return divmod(processed, len(self.loader))

    def _pause_if_due(self, trainer: pl.Trainer, *, epochs: int) -> None:
        """End at the stop epoch, unless training is at its own end: its last epoch, or stopped early by a trick."""
        at_its_end = epochs == trainer.max_epochs or trainer.should_stop
        if self.stop_epoch is not None and epochs >= self.stop_epoch and not at_its_end:
            self.paused = trainer.should_stop = True

    def _due(self) -> bool:
        """Whether it is time; several workers save and end together, so they agree in every step."""
        due = self.interrupts.signum is not None or time.monotonic() - self._saved_at >= self.every_s
        if self._group is None:
            return due
        told = torch.tensor([self.interrupts.signum or 0, int(due)])
        torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX, group=self._group)
        self._agreed = int(told[0]) or None
        return bool(told[1])

    def _check(self) -> None:
        if self._group is None:
            self.interrupts.check()
        elif self._agreed is not None:
            raise Interrupted(self._agreed)

    def _save(self, trainer: pl.Trainer) -> None:
        part = self.path.with_suffix(".part")
        trainer.save_checkpoint(part)
        self._saved_at = time.monotonic()
        if not trainer.is_global_zero:
            return
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(self.path)


def generators() -> dict[str, Any]:
    """The states of this process's random generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def worker_seed(seed: int, worker: int) -> int:
    """Workers mask, mix and augment by numbers of their own; Lightning gives them all the same."""
    return (seed * 1_000_003 + 7_919 * (worker + 1)) % 2**63


def checked_checkpoint(path: Path, *, workers: int) -> Reached | None:
    """How far a checkpoint came, or null when there is none.

    Raises:
        ConfigError: it is there and cannot be read, or is of another number of workers.
    """
    if not path.is_file():
        return None
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        epoch, batch = checkpoint.get(PLACE, (0, None))
        reached = Reached(step=checkpoint["global_step"], epoch=epoch, batch=batch)
        checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["processed"]
        checkpoint["rng"]["cpu"]
        found = len(checkpoint.get("workers", [None]))
    except Exception as error:  # unpickling damaged bytes can raise anything
        raise ConfigError(
            f"{path} must be a checkpoint of this version, got damage ({type(error).__name__}); delete it to train "
            "from the first step"
        ) from None
    if found != workers:
        raise ConfigError(
            f"{path} must go on with as many workers as wrote it, got {workers}; set runtime.devices={found}, or use --fresh"
        )
    return reached
