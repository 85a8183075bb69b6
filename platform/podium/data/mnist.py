"""MNIST: LeCun, Bottou, Bengio, Haffner, 1998, http://yann.lecun.com/exdb/mnist/.

Follows the paper: its test split.
"""

from pathlib import Path

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.idx import published


class Mnist(DataModule):
    """60,000 + 10,000 digits of 28x28 pixels in 10 classes."""

    name = "mnist"
    remedy = "delete {root}/MNIST and run again"

    def load(self) -> Source:
        """Read torchvision's files, after downloading them if they are missing."""
        remedy = "connect to the internet, or put the four .gz files of MNIST there"
        return published("MNIST", Path(self.root), archives=None, remedy=remedy)
