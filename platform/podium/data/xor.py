"""Exclusive or, which no perceptron without hidden units can learn (Minsky and Papert 1969, Perceptrons,
https://doi.org/10.7551/mitpress/11301.001.0001).

Differs from the book: a cloud of points around each of the four, so that there is something to validate and to test on.
"""

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import stream

POINTS = 400
REACH = 0.5  # of a cloud, to both sides


class Xor(DataModule):
    """400 points around the four corners (1, 1), (1, -1), (-1, 1), (-1, -1): class 1 where one of both is positive."""

    name = "xor"
    remedy = "restore podium/data/xor.py"

    def load(self) -> Source:
        """The corners in turn, each with a small offset."""
        corner = np.arange(POINTS) % 4
        signs = np.stack([corner // 2, corner % 2], axis=1) * 2 - 1
        points = signs + (stream(0, self.name).random_sample((POINTS, 2)) * 2 - 1) * REACH
        return Source(
            points.astype(np.float32), (signs[:, 0] != signs[:, 1]).astype(np.int64), test_start=None
        )
