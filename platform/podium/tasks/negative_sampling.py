"""Negative sampling: a true candidate is told from noise, trained by backpropagation (Mikolov et al. 2013,
https://arxiv.org/abs/1310.4546, equation 4). Follows the paper.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch, Targets
from podium.tasks.base import Task, expect_shape


class NegativeSampling(Task):
    """Minimises -log p of every candidate, true or noise, summed over candidates and averaged over examples.

    The first candidate is the true one. Reports how much of the noise has a smaller logit, as ``noise_accuracy``.
    """

    targets: ClassVar[Targets] = "values"
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """A logit of every candidate (samples, candidates)."""
        expect_shape(output, (samples, num_classes), what="logits of candidates", samples=samples)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy, summed over candidates."""
        return F.binary_cross_entropy_with_logits(output, target, reduction="none").sum(1).mean()

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The share of an example's noise that stands below the true candidate."""
        return {"noise_accuracy": (output[:, 1:] < output[:, :1]).double().mean(1).sum()}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """What is true, and the logits."""
        return {"label": batch.target, "value": output.float()}
