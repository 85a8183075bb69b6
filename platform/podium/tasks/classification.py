"""Classification: softmax cross-entropy over exclusive classes, trained by backpropagation."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch
from podium.tasks.base import Task, expect_shape


class Classification(Task):
    """Minimises cross-entropy; reports loss and top-1 error (fractions)."""

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits (samples, classes)."""
        expect_shape(output, (samples, num_classes), what="logits", samples=samples)

    def soften(self, target: Tensor) -> Tensor:
        """One for the class, zero for the others."""
        return F.one_hot(target, self.num_classes)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy of logits with class numbers or class probabilities."""
        return F.cross_entropy(output, target)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Whose most probable class is another."""
        return {"top1_error": (output.argmax(1) != target).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Class numbers and class probabilities (batch, classes)."""
        return {"label": batch.target, "probability": torch.softmax(output.float(), 1)}
