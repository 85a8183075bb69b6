"""MNIST-1D: signals of length 40.

"Scaling down deep learning", Greydanus and Kobak, 2020, https://arxiv.org/abs/2011.14439. Follows the
paper: the default arguments of the authors' package, whose seed is part of them.
"""

import random
from pathlib import Path

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.cache import cached


class Mnist1d(DataModule):
    """4,000 + 1,000 signals of 1x40 values in 10 classes, made on this machine."""

    name = "mnist1d"
    remedy = "delete {root}/mnist1d.npz and pip install --force-reinstall mnist1d==0.0.2.post1"

    def load(self) -> Source:
        """Make the signals, or read those that were kept: making them takes seconds."""
        return cached(Path(self.root) / "mnist1d.npz", checksum=self.checksum, make=_make)


def _make() -> Source:
    """The package's own recipe; it seeds the global generators, which are put back as they were."""
    from mnist1d.data import make_dataset

    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        made = make_dataset()
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
    inputs = np.concatenate([made["x"], made["x_test"]]).astype(np.float32).reshape(-1, 1, 40)
    labels = np.concatenate([made["y"], made["y_test"]]).astype(np.int64)
    return Source(inputs, labels, test_start=len(made["y"]))
