"""Checkpoints from which a run goes on bit for bit, at any step.

Three things make a resume exact: the order of the examples depends on (seed, epoch) alone, the number of batches to
leave out is counted from those processed, and the state of the random generator is restored after Lightning's own
set-up has finished drawing from it. In the last batch of an epoch nothing is saved: Lightning does not resume there
exactly, and the end of the epoch is a moment away.
"""

import os
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from podium.data.loader import BatchLoader
from podium.run.errors import ConfigError
from podium.run.interrupts import Interrupts


class Saver(pl.callbacks.Checkpoint):
    """Writes last.ckpt every so many seconds, when a run is asked to end, and when its training ends.

    ``paused`` says that training ended at ``stop_epoch`` and not at its own end.
    """

    def __init__(
        self,
        path: Path,
        *,
        every_s: float,
        stop_epoch: int | None,
        interrupts: Interrupts,
        loader: BatchLoader,
    ) -> None:
        self.path = path
        self.every_s = every_s
        self.stop_epoch = stop_epoch
        self.interrupts = interrupts
        self.loader = loader
        self.paused = False
        self._saved_at = time.monotonic()
        self._rng: dict[str, Any] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the random generators; take the signals back from Lightning."""
        self.interrupts.install()
        if self._rng is not None:
            torch.set_rng_state(self._rng["cpu"])
            if self._rng["cuda"] and torch.cuda.is_available():
                torch.cuda.set_rng_state_all(self._rng["cuda"])
            self._rng = None
        self._pause_if_due(trainer, epochs=trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save in the middle of an epoch when it is time, between optimizer steps."""
        between_steps = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if between_steps and batch_idx + 1 < trainer.num_training_batches:
            if self._due():
                self._save(trainer)
            self.interrupts.check()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save at the end of an epoch when it is time, and always at the end of training."""
        epochs = trainer.current_epoch + 1
        self._pause_if_due(trainer, epochs=epochs)
        if trainer.should_stop or epochs == trainer.max_epochs or self._due():
            self._save(trainer)
        self.interrupts.check()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Keep the random generators as tensors, which load with weights_only."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        checkpoint["rng"] = {"cpu": torch.get_rng_state(), "cuda": cuda}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Leave out the batches that were processed before."""
        self._rng = checkpoint["rng"]
        progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
        epoch, batch = divmod(progress["total"]["processed"], len(self.loader))
        self.loader.resume_at(epoch=epoch, batch=batch)

    def _pause_if_due(self, trainer: pl.Trainer, *, epochs: int) -> None:
        """End at the stop epoch, unless training is at its own end: its last epoch, or stopped early by a trick."""
        at_its_end = epochs == trainer.max_epochs or trainer.should_stop
        if self.stop_epoch is not None and epochs >= self.stop_epoch and not at_its_end:
            self.paused = trainer.should_stop = True

    def _due(self) -> bool:
        return self.interrupts.signum is not None or time.monotonic() - self._saved_at >= self.every_s

    def _save(self, trainer: pl.Trainer) -> None:
        part = self.path.with_suffix(".part")
        trainer.save_checkpoint(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(self.path)
        self._saved_at = time.monotonic()


def checked_checkpoint(path: Path) -> int | None:
    """The step of a checkpoint, or null when there is none.

    Raises:
        ConfigError: it is there and cannot be read.
    """
    if not path.is_file():
        return None
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        step: int = checkpoint["global_step"]
        checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["processed"]
        checkpoint["rng"]["cpu"]
    except Exception as error:  # unpickling damaged bytes can raise anything
        raise ConfigError(
            f"{path} must be a checkpoint of this version, got damage ({type(error).__name__}); delete it to train "
            "from the first step"
        ) from None
    return step
