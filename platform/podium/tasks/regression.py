"""Regression: values are predicted, trained on the mean squared error by backpropagation."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch, Targets
from podium.tasks.base import Task, expect_shape
from podium.tasks.reconstruction import squared_error


class Regression(Task):
    """Minimises the squared error, averaged over the values of an example and over examples; reports it as ``mse``."""

    targets: ClassVar[Targets] = "values"
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Values (samples, values)."""
        expect_shape(output, (samples, num_classes), what="values", samples=samples)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(output, target)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The mean squared error of each example."""
        return {"mse": squared_error(output, target).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True values, and predicted ones."""
        return {"label": batch.target, "value": output.float()}
