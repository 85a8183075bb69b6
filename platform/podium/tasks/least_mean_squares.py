"""The least-mean-squares rule (Widrow and Hoff 1960, Adaptive switching circuits, https://doi.org/10.21236/ad0241531).

    w <- w + rate * (d - s) * x        s = w.x + b, d = 1 or -1

Follows the paper for ``optimizer=sgd`` and ``data.batch_size=1``: the linear sum is corrected, in front of the threshold,
and for right answers too.
"""

from torch import Tensor

from podium.tasks.threshold import ThresholdTask, signs


class LeastMeanSquares(ThresholdTask):
    """Moves every sum towards its sign. Its loss is the mean squared difference."""

    def delta(self, sums: Tensor, target: Tensor) -> Tensor:
        """What is missing to the right sign."""
        return signs(target, sums) - sums

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean squared difference of sums and signs."""
        return (signs(target, output) - output).square().mean()
