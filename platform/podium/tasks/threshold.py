"""What rules for threshold units have in common: signs as targets, and a linear layer that is corrected by its sums.

A unit says yes or no by the sign of a sum. Two classes need one unit, that of class 1; of more classes each has a unit of
its own, taught to tell it from all others, and the largest sum decides.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from podium.contracts import Batch
from podium.tasks.base import expect_shape
from podium.tasks.rule import Corrections, RuleTask


class ThresholdTask(RuleTask):
    """Corrects the linear layer ``output`` of a network: its weights by delta times input, its biases by delta.

    A subclass says what delta is. A batch of one example is the rule as it was published; of several the mean is taken.
    Reports its loss and the top-1 error (fraction).
    """

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """A sum for every unit: (samples, 1) for two classes, (samples, classes) for more."""
        expect_shape(output, (samples, units_for(num_classes)), what="a sum of each unit,", samples=samples)

    @abstractmethod
    def delta(self, sums: Tensor, target: Tensor) -> Tensor:
        """By how much each sum of the layer (batch, sums) is to be moved for these class numbers."""

    def corrections(self, batch: Batch) -> tuple[Tensor, Corrections]:
        """Delta times input, the mean over the batch."""
        layer = self.network.get_submodule("output")
        assert isinstance(layer, nn.Linear)
        seen: list[tuple[Tensor, Tensor]] = []
        with layer.register_forward_hook(lambda _, inputs, sums: seen.append((inputs[0], sums))):
            output = self.network(batch.input)
        ((features, sums),) = seen
        delta = self.delta(sums, batch.target) / len(batch.target)
        return output, {layer.weight: delta.T @ features, layer.bias: delta.sum(0)}

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Whose decision is another class."""
        return {"top1_error": (decision(output) != target).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Class numbers, true and decided."""
        return {"label": batch.target, "decision": decision(output)}


def units_for(num_classes: int) -> int:
    """One unit tells two classes apart; of more classes each has its own."""
    return 1 if num_classes == 2 else num_classes


def signs(target: Tensor, like: Tensor) -> Tensor:
    """What each unit is to say, (batch, units): 1 for its class, -1 for others."""
    units = like.shape[1]
    classes = torch.arange(units, device=target.device) if units > 1 else torch.ones_like(target[:1])
    return torch.where(target[:, None] == classes, 1.0, -1.0).to(like.dtype)


def decision(output: Tensor) -> Tensor:
    """The class that the units' sums (batch, units) say."""
    return output.argmax(1) if output.shape[1] > 1 else (output[:, 0] > 0).long()
