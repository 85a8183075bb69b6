"""A progress bar with the time left and the current metrics, drawn five times a second at most."""

import time
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from podium.run.recorder import Recorder

REFRESH_S = 0.2


class ProgressBar(pl.Callback):
    """One bar for the whole training; nothing is drawn when the output is no terminal."""

    def __init__(self, recorder: Recorder, *, title: str) -> None:
        self.recorder = recorder
        self.title = title
        self._bar: tqdm[Any] | None = None
        self._drawn_at = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar at the step where training starts or goes on."""
        total = int(trainer.estimated_stepping_batches)
        self._bar = tqdm(total=total, initial=trainer.global_step, desc=self.title, unit="step", disable=None)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar when it is time."""
        now = time.monotonic()
        if now - self._drawn_at >= REFRESH_S:
            self._drawn_at = now
            self._draw(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the last state and close."""
        self._draw(trainer)
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Leave the terminal clean for the error."""
        self._close()

    def _draw(self, trainer: pl.Trainer) -> None:
        if self._bar is not None and not self._bar.disable:
            shown = {name: f"{value:.4f}" for name, value in sorted(self.recorder.latest.items())}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(trainer.global_step - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
