"""Language modelling: every symbol of a sequence is predicted from those before it, trained by backpropagation."""

import math
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from podium.contracts import Batch, Targets
from podium.tasks.places import NOTHING, AtEveryPlace


class LanguageModelling(AtEveryPlace):
    """Minimises the cross-entropy of the next symbol; reports it as bits per character."""

    targets: ClassVar[Targets] = "symbols"

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The cross-entropy in bits."""
        return {"bits_per_character": surprise(output, target).sum() / math.log(2)}

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True symbols, and how little each was expected: -log p, 0 where there is none."""
        return {"label": batch.target, "surprise": surprise(output.float(), batch.target)}


def surprise(output: Tensor, target: Tensor) -> Tensor:
    """-log p of every true symbol, (batch, length); 0 where there is none."""
    return F.cross_entropy(output, target, ignore_index=NOTHING, reduction="none")
