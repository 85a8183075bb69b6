"""Language modelling: every symbol of a sequence is predicted from those before it, trained by backpropagation."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch, Targets
from podium.tasks.base import Task, expect_shape

NOTHING = -1  # the target of a place that does not count


class LanguageModelling(Task):
    """Minimises the cross-entropy of the next symbol, averaged over all places; reports it as bits per character."""

    targets: ClassVar[Targets] = "symbols"
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits of every place (samples, classes, length)."""
        expect_shape(output, (samples, num_classes, *shape), what="logits of every place", samples=samples)

    def counted(self, truth: Tensor) -> int:
        """Places that hold a symbol."""
        return int((truth != NOTHING).sum())

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy over places."""
        return F.cross_entropy(output, target, ignore_index=NOTHING)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The cross-entropy in bits."""
        return {"bits_per_character": surprise(output, target).sum() / math.log(2)}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True symbols, and how little each was expected: -log p, 0 where there is none."""
        return {"label": batch.target, "surprise": surprise(output.float(), batch.target)}


def surprise(output: Tensor, target: Tensor) -> Tensor:
    """-log p of every true symbol, (batch, length); 0 where there is none."""
    return F.cross_entropy(output, target, ignore_index=NOTHING, reduction="none")
