"""What tasks that answer at every place of a sequence do alike."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.tasks.base import Task, expect_shape

NOTHING = -1  # the target of a place that does not count


class AtEveryPlace(Task):
    """Minimises the cross-entropy of one class a place, averaged over all places that count."""

    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits of every place (samples, classes, length)."""
        expect_shape(output, (samples, num_classes, *shape), what="logits of every place", samples=samples)

    def counted(self, truth: Tensor) -> int:
        """Places that count."""
        return int((truth != NOTHING).sum())

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy over places."""
        return F.cross_entropy(output, target, ignore_index=NOTHING)
