"""Early stopping with patience (Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3).

    an epoch improves when monitor < best - min_delta (mode min) or monitor > best + min_delta (mode max);
    training stops when the last ``patience`` epochs did not improve

Differs from the paper: stops on patience, where the paper compares generalisation loss and progress.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from podium.contracts import Trick


class EarlyStopping(Trick):
    """Stops after ``patience`` epochs without a better ``monitor``; ``restore_best`` ends with the best ones.

    The best weights are those that were evaluated: with a weight average the average of that epoch, in
    whatever order the tricks are named. They are put into the network at the very end of the fit
    (``teardown``), after an average was (``on_fit_end``), and also when training was not stopped.
    Not-a-number is never an improvement.

    Raises:
        ValueError: ``patience`` is not positive, ``min_delta`` is negative or not finite, there is no
        validation, or
            nothing named ``monitor`` is logged in it.
    """

    def __init__(
        self,
        *,
        monitor: str,
        mode: Literal["min", "max"],
        patience: int,
        min_delta: float,
        restore_best: bool,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be min or max, got {mode}; min for losses and errors")
        if patience < 1:
            raise ValueError(
                f"patience must be at least 1 epoch, got {patience}; leave the trick out to train on"
            )
        if not 0 <= min_delta < math.inf:
            raise ValueError(
                f"min_delta must be at least 0 and finite, got {min_delta}; 0 counts any improvement"
            )
        self.monitor = monitor
        self.mode = mode
        self.patience = patience
        self.min_delta = min_delta
        self.restore_best = restore_best
        self._best = math.inf if mode == "min" else -math.inf
        self._best_epoch = -1
        self.best_weights: dict[str, Tensor] = {}  # of the best epoch so far, where they are to be restored
        self._evaluated: dict[str, Tensor] = {}
        self._stopped = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Train no epoch more when resuming a run that had stopped."""
        if not trainer.enable_validation:
            raise ValueError(
                "early stopping must have a validation split, got none; "
                "set data.split.validation=0.15 or leave this trick out"
            )
        trainer.should_stop = trainer.should_stop or self._stopped

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep the weights that were evaluated, while a weight average is still in the network."""
        if self.restore_best and _fitting(trainer):
            network = pl_module.get_submodule("network")
            self._evaluated = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge the epoch, once its metrics are there."""
        if not _fitting(trainer):
            return
        if self.monitor not in trainer.callback_metrics:
            logged = ", ".join(sorted(trainer.callback_metrics))
            raise ValueError(
                f"monitor must be logged in validation, got {self.monitor}; choose from {logged}"
            )
        value = float(trainer.callback_metrics[self.monitor])
        evaluated, self._evaluated = self._evaluated, {}
        if self.judge(value, epoch=trainer.current_epoch, evaluated=lambda: evaluated):
            trainer.should_stop = True

    def judge(self, value: float, *, epoch: int, evaluated: Callable[[], dict[str, Tensor]]) -> bool:
        """Whether training is over after an epoch of this value; ``evaluated`` are its weights, to be kept."""
        if self._improves(value):
            self._best, self._best_epoch = value, epoch
            self.best_weights = evaluated() if self.restore_best else {}
        self._stopped = self._stopped or epoch - self._best_epoch >= self.patience
        return self._stopped

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """End with the best weights, once the last checkpoint of the fit, with the live ones, is written."""
        if stage == "fit" and self.best_weights:
            tensors = pl_module.get_submodule("network").state_dict()
            with torch.no_grad():
                for name, best in self.best_weights.items():
                    tensors[name].copy_(best)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch so far, its metric and weights."""
        return {
            "best": self._best,
            "best_epoch": self._best_epoch,
            "best_weights": self.best_weights,
            "stopped": self._stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self._best = state_dict["best"]
        self._best_epoch = state_dict["best_epoch"]
        self.best_weights = {name: tensor.clone() for name, tensor in state_dict["best_weights"].items()}
        self._stopped = state_dict["stopped"]

    def _improves(self, value: float) -> bool:
        if self.mode == "min":
            return value < self._best - self.min_delta
        return value > self._best + self.min_delta


def _fitting(trainer: pl.Trainer) -> bool:
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
