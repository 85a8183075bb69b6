"""Confidence penalty (Pereyra, Tucker, Chorowski, Kaiser and Hinton 2017, https://arxiv.org/abs/1701.06548).

    loss - strength * H,        H = - sum over classes of p * log p, the mean over the batch (and pixels)

Follows the paper's formula, without the annealing and the threshold that it suggests beside it.
"""

from collections.abc import Sequence

import pytorch_lightning as pl
from torch import Tensor, nn

from podium.contracts import Batch, Trick
from podium.tricks.logits import check_gives_classes, log_probabilities


class ConfidencePenalty(Trick):
    """Rewards outputs of high entropy by ``strength``; 0 is neutral.

    Raises:
        ValueError: ``strength`` is negative or not finite, or the network gives no logits of classes.
    """

    def __init__(self, *, strength: float) -> None:
        if not 0 <= strength < float("inf"):
            raise ValueError(f"strength must be at least 0 and finite, got {strength}; 0 switches it off")
        self.strength = strength

    def check(self, task: pl.LightningModule, tricks: Sequence[Trick]) -> None:
        """There must be classes."""
        check_gives_classes(task)

    def edit_loss(self, loss: Tensor, network: nn.Module, batch: Batch, output: Tensor) -> Tensor:
        """The loss with the penalty."""
        log_p = log_probabilities(output, temperature=1.0)
        if self.strength == 0:
            return loss
        entropy = -(log_p.exp() * log_p).sum(1).mean()
        return loss - self.strength * entropy
