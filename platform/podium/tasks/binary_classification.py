"""Two classes and one sigmoid output, trained on binary cross-entropy by backpropagation."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch
from podium.tasks.base import Task, expect_shape


class BinaryClassification(Task):
    """Minimises binary cross-entropy of one logit, that of class 1; reports loss and top-1 error (fractions).

    The same as softmax over two classes whose first logit is zero.
    """

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits (samples, 1) of class 1; the data must have two classes."""
        if num_classes != 2:
            raise ValueError(f"one sigmoid output needs data of 2 classes, got {num_classes}")
        expect_shape(output, (samples, 1), what="one logit a sample,", samples=samples)

    def soften(self, target: Tensor) -> Tensor:
        """One for the class, zero for the other."""
        return F.one_hot(target, 2)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean binary cross-entropy of logits with class numbers or class probabilities (batch, 2)."""
        positive = target[:, 1] if target.ndim == 2 else target
        return F.binary_cross_entropy_with_logits(output[:, 0], positive.to(output.dtype))

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Whose logit has the wrong sign."""
        return {"top1_error": ((output[:, 0] > 0) != (target == 1)).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Class numbers and the probabilities of both classes (batch, 2)."""
        positive = torch.sigmoid(output.float())
        return {"label": batch.target, "probability": torch.cat([1 - positive, positive], 1)}
