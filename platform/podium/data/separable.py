"""Points on both sides of a line, for Novikoff's bound on the perceptron's mistakes (1962, On convergence proofs for
perceptrons; Block 1962, https://doi.org/10.1103/RevModPhys.34.123).

Follows the papers: no point is nearer to the line than ``MARGIN``. Only sums and products of numbers are made, which
every processor rounds alike.
"""

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import stream

LINE = (0.6, 0.8, -0.1)  # slopes of length 1, and intercept
MARGIN = 0.1
POINTS = 500


class Separable(DataModule):
    """500 points of a plane in 2 classes that a line separates; no published test split."""

    name = "separable"
    remedy = "restore podium/data/separable.py"

    def load(self) -> Source:
        """Draw points of the square from -1 to 1, and keep those that are far enough from the line."""
        points = stream(0, self.name).random_sample((2 * POINTS, 2)) * 2 - 1
        across, up, intercept = LINE
        distance = points[:, 0] * across + points[:, 1] * up + intercept
        kept = np.flatnonzero(np.abs(distance) > MARGIN)[:POINTS]
        return Source(points[kept].astype(np.float32), (distance[kept] > 0).astype(np.int64), test_start=None)
