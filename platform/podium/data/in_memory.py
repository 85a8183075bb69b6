"""Arrays that a program has in its hands, as `PodiumClassifier` gives them. There is no file of conf/data for them."""

import numpy as np
import numpy.typing as npt
import torch

from podium.data.arrays import Arrays, Indices, Source
from podium.data.base import DataModule


class InMemory(DataModule):
    """Inputs (n, *sample shape) float32 and class numbers (n,), handed over by ``hold``; nothing is kept for testing."""

    name = "in_memory"
    remedy = "set data.checksum=null"

    _held: Source | None = None

    def hold(self, inputs: npt.NDArray[np.float32], labels: Indices) -> None:
        """Take the arrays to train and validate on."""
        self._held = Source(inputs, labels, test_start=len(labels))

    def load(self) -> Source:
        """What is held."""
        if self._held is None:
            raise ValueError(
                "in_memory must be given its arrays, got none; use PodiumClassifier, or another data set"
            )
        return self._held

    def unlabelled(self, inputs: npt.NDArray[np.float32]) -> Arrays:
        """Other inputs as the network sees them, standardised as those of training; every target is class 0."""
        places = torch.arange(len(inputs))
        values = torch.from_numpy(self.view.show(inputs, self._steps))
        return Arrays(values, torch.zeros_like(places), places)

    def release(self) -> None:
        """Let the arrays go; what ``unlabelled`` needs is kept."""
        self._held = self._source = self._parts = None
        self._examples.clear()
