"""Distillation (Hinton, Vinyals and Dean 2015, https://arxiv.org/abs/1503.02531).

    (1 - weight) * loss + weight * T^2 * KL(softmax(teacher / T) || softmax(output / T))        T = temperature

The divergence is the mean over the batch (and pixels); its gradient is that of the paper's cross-entropy with soft targets.
Follows the paper. What earlier tricks added to the loss is weighted with it: name penalties after this trick.
"""

from collections.abc import Callable, Sequence

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from podium.contracts import Batch, Trick
from podium.tricks.logits import check_gives_classes, log_probabilities


class Distillation(Trick):
    """Trains towards the softened outputs of a trained network; a ``weight`` of 0 is neutral.

    ``teacher`` loads that network, which is the same run's in each epoch: frozen, in evaluation mode, and no part of the
    network that is trained or of its checkpoints. A configuration names it as a run, ``runs/NAME@SHA256``.

    Raises:
        ValueError: ``temperature`` is not positive, ``weight`` is outside [0, 1], or teacher and network give no logits of
            the same classes.
    """

    def __init__(self, *, teacher: Callable[[], nn.Module], temperature: float, weight: float) -> None:
        if not 0 < temperature < float("inf"):
            raise ValueError(f"temperature must be positive and finite, got {temperature}; 1 softens nothing")
        if not 0 <= weight <= 1:
            raise ValueError(f"weight must be in [0, 1], got {weight}; 0 switches it off")
        self.teacher = teacher
        self.temperature = temperature
        self.weight = weight
        self._network: nn.Module | None = None

    def check(self, task: pl.LightningModule, tricks: Sequence[Trick]) -> None:
        """There must be classes."""
        check_gives_classes(task)

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Load the teacher beside the network."""
        if self.weight > 0:
            self._network = self.teacher().to(pl_module.device).eval().requires_grad_(False)

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        """The loss with the divergence from the teacher."""
        learned = log_probabilities(output, temperature=self.temperature)
        if self.weight == 0:
            return loss
        assert self._network is not None
        with torch.no_grad():
            given = self._network(batch.input.float())
            taught = log_probabilities(given, temperature=self.temperature)
        if taught.shape != learned.shape:
            raise ValueError(
                f"teacher and network must give logits of the same shape, got {tuple(taught.shape)} and "
                f"{tuple(learned.shape)}; choose another teacher"
            )
        divergence = (taught.exp() * (taught - learned)).sum(1).mean()
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * divergence

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let the teacher go."""
        self._network = None
