"""Reconstruction: the network gives back its input, trained on the mean squared error by backpropagation."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch
from podium.tasks.base import Task, expect_shape


class Reconstruction(Task):
    """Minimises the squared error, averaged over the values of a sample and over samples; reports it as ``mse``.

    What is to be given back is the input as the network sees it, augmented and standardised. Labels are kept beside the
    answers and have no part in training.
    """

    copies: ClassVar[bool] = True
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """As many values as the samples have, in their shape."""
        expect_shape(output, (samples, *shape), what="samples", samples=samples)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(output, target)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The mean squared error of each sample."""
        return {"mse": squared_error(output, target).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """The label and the mean squared error of each sample: samples themselves would fill the disk."""
        return {"label": batch.target, "squared_error": squared_error(output.float(), batch.input)}


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """The squared error of each sample, averaged over its values, (batch,)."""
    return (output - target).square().flatten(1).mean(1)
