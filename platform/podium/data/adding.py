"""The adding problem: two of many values are marked, and their sum is asked for (Hochreiter and Schmidhuber 1997, Long
short-term memory, experiment 4, https://doi.org/10.1162/neco.1997.9.8.1735).

Differs from the paper: values are from 0 to 1 and the sum is the target, as in Le, Jaitly and Hinton 2015
(https://arxiv.org/abs/1504.00941), all sequences are 50 steps long, and markers are 0 or 1. One value of each half is
marked. Who always says 1 has a squared error of 1/6.
"""

from typing import ClassVar

import numpy as np

from podium.contracts import Targets
from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.split import stream

TRAINING, TEST = 8000, 1000
LENGTH = 50


class Adding(DataModule):
    """8,000 + 1,000 sequences of 50 pairs of a value and a marker, and the sum of the two marked values."""

    name = "adding"
    remedy = "restore podium/data/adding.py"
    targets: ClassVar[Targets] = "values"

    def load(self) -> Source:
        """Draw values and places."""
        draw = stream(0, "adding")
        count, half = TRAINING + TEST, LENGTH // 2
        values = draw.random_sample((count, LENGTH)).astype(np.float32)
        places = (draw.random_sample((count, 2)) * half).astype(np.int64) + np.array([0, half])
        markers = np.zeros_like(values)
        np.put_along_axis(markers, places, np.float32(1), axis=1)
        sums = np.take_along_axis(values, places, axis=1)
        return Source(np.stack([values, markers], axis=1), sums[:, :1] + sums[:, 1:], test_start=TRAINING)
