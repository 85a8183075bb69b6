"""Exponential moving average of the weights (Polyak and Juditsky 1992, https://doi.org/10.1137/0330046).

    average <- d * average + (1 - d) * w        after every optimizer step;  d = decay, or with warmup
                                                d = min(decay, (1 + n) / (10 + n)) after n earlier updates

Over the network's weights and its floating-point buffers (running statistics of norms); counters, and the vectors of
spectral normalisation, are copied.
Differs from the paper: recent weights count more, as in Tarvainen and Valpola 2017
(https://arxiv.org/abs/1703.01780), where the paper takes the plain mean.
"""

from typing import Any

import pytorch_lightning as pl

from podium.tricks.averaging import Averaging


class EMA(Averaging):
    """Evaluates, and ends with, averaged weights; ``decay`` 0 is neutral.

    Raises:
        ValueError: ``decay`` is outside [0, 1), nothing in the network is trained, or the run has another average.
    """

    def __init__(self, *, decay: float, warmup: bool) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}; 0 switches it off")
        self.decay = decay
        self.warmup = warmup
        self._step = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start from the initial weights, or go on from a checkpoint's average."""
        super().on_train_start(trainer, pl_module)
        if not self._average:
            self.average_in(pl_module, 1.0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the average towards the weights, unless gradients only accumulated."""
        if trainer.global_step == self._step:
            return
        decay = min(self.decay, (1 + self._updates) / (10 + self._updates)) if self.warmup else self.decay
        self.average_in(pl_module, 1 - decay)
        self._updates += 1
        self._step = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        """The average, how many updates made it, and the step of the last one."""
        return {**super().state_dict(), "step": self._step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved average."""
        super().load_state_dict(state_dict)
        self._step = state_dict["step"]
