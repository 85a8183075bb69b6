"""The perceptron's rule (Rosenblatt 1958, The perceptron, https://doi.org/10.1037/h0042519).

    w <- w + rate * d * x    where the unit is wrong: d * (w.x + b) <= 0, d = 1 or -1        otherwise nothing

Follows the paper for ``optimizer=sgd`` and ``data.batch_size=1``. On separable examples at a distance of at least gamma from
a plane and at most R from the origin, it makes at most (R / gamma)^2 mistakes (Novikoff 1962, On convergence proofs for
perceptrons), for any rate, from weights of zero.
"""

import torch
from torch import Tensor

from podium.tasks.threshold import ThresholdTask, signs


class Perceptron(ThresholdTask):
    """Corrects units that are wrong. Its loss, the perceptron criterion, is how far their sums are on the wrong side."""

    def delta(self, sums: Tensor, target: Tensor) -> Tensor:
        """The right sign where the sum has another one or none."""
        wanted = signs(target, sums)
        return torch.where(wanted * sums <= 0, wanted, 0)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over examples of the sums on the wrong side."""
        return (-signs(target, output) * output).clamp(min=0).sum(1).mean()
