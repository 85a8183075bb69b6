"""Learning without the gradient of a loss: a rule says what is added to each parameter."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.utils import parametrize

from podium.contracts import Batch
from podium.optim.cyclic_cosine import CyclicCosine
from podium.tasks.base import Task

Corrections = Mapping[Tensor, Tensor]  # of parameters


class RuleTask(Task):
    """Adds corrections to the parameters that its rule names, by manual optimisation.

    A correction, turned round, is handed to the optimizer in the place of a gradient. ``optimizer=sgd`` adds it times the
    rate, which is the rule as it was published; momentum, schedules, clipping, decay and averages work as ever.
    Parameters that the rule leaves out of a step stay as they are. ``loss`` only measures. Tricks that edit losses,
    batches or targets are refused, and weights that are computed from others, which no rule knows.

    Raises:
        ValueError: as ``Task``, or a trick for which there is no loss or no weight.
    """

    softens: ClassVar[bool] = False
    by_rule: ClassVar[bool] = True

    def check_parts(self) -> None:
        """Refuse tricks that edit a loss, and weights that no rule knows."""
        super().check_parts()
        name = type(self).__name__
        if self._loss_tricks:
            raise ValueError(
                f"{name} learns from no loss that could be edited, got {type(self._loss_tricks[0]).__name__}; "
                "leave that trick out"
            )
        for layer, module in self.network.named_modules():
            if parametrize.is_parametrized(module):
                raise ValueError(
                    f"{name} must be able to change the weights themselves, got {layer or 'a network'} with computed "
                    "ones; leave the trick that computes them out"
                )

    @abstractmethod
    def corrections(self, batch: Batch) -> tuple[Any, Corrections]:
        """What the network gave for a training batch, and what to add to its parameters, for a rate of 1."""

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Correct the parameters once; the loss of the batch before that."""
        batch = self.augmented(batch)
        with torch.no_grad():
            output, corrections = self.corrections(batch)
            truth = self.truth(batch)
            loss, errors = self.loss(output, truth), self.errors(output, truth)
        self.correct(corrections)
        self.record(loss, errors, examples=len(truth))
        return loss

    def correct(self, corrections: Corrections) -> None:
        """Let the optimizer take one step along the corrections."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, pl.core.optimizer.LightningOptimizer)
        self.zero_grad(set_to_none=True)
        for parameter, correction in corrections.items():
            parameter.grad = -correction
        optimizer.step()
        if isinstance(self._schedule, CyclicCosine):
            self._schedule.step()
