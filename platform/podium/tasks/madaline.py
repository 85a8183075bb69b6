"""Madaline rule I (Widrow 1962, Generalization and information storage in networks of Adaline neurons; as told by Widrow and
Lehr 1990, 30 years of adaptive neural networks, https://doi.org/10.1109/5.58323).

    where the majority is wrong: of the Adalines that voted wrong, those whose sums are nearest to zero, as many as are
    needed to turn the majority, are corrected by least mean squares, w <- w + rate * (d - s) * x; all others stay

Follows the paper for ``optimizer=sgd`` and ``data.batch_size=1``: minimal disturbance.
"""

import torch
from torch import Tensor

from podium.tasks.threshold import ThresholdTask, signs, units_for


class Madaline(ThresholdTask):
    """Corrects as few Adalines as turn a wrong majority. Its loss is half the difference of sign and vote, the mean."""

    def delta(self, sums: Tensor, target: Tensor) -> Tensor:
        """What is missing to the right sign, for the Adalines to be corrected."""
        votes = sums.reshape(len(sums), units_for(self.num_classes), -1)
        wanted = signs(target, votes[:, :, 0])[:, :, None]
        wrong = wanted * votes <= 0
        adalines = votes.shape[2]
        needed = (adalines // 2 + 1) - (adalines - wrong.sum(2, keepdim=True))
        distance = torch.where(wrong, votes.abs(), torch.inf)
        place = distance.argsort(dim=2, stable=True).argsort(dim=2)
        chosen = wrong & (place < needed)
        return torch.where(chosen, wanted - votes, 0).flatten(1)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Half the difference of signs and votes, the mean over units and examples."""
        return (signs(target, output) - output).abs().mean() / 2
