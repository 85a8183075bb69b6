"""Fashion-MNIST: Xiao, Rasul, Vollgraf, 2017, https://arxiv.org/abs/1708.07747.

Follows the paper: its test split.
"""

from pathlib import Path

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.idx import published

DEBIAN = Path(
    "/usr/share/datasets/fashion-mnist"
)  # where Debian's package dataset-fashion-mnist puts the files


class FashionMnist(DataModule):
    """60,000 + 10,000 pictures of clothes, 28x28 pixels in 10 classes."""

    name = "fashion_mnist"
    remedy = "delete {root}/FashionMNIST and run again"

    def load(self) -> Source:
        """Read torchvision's files, after unpacking Debian's or downloading them if they are missing."""
        remedy = (
            "connect to the internet, or apt-get install dataset-fashion-mnist, "
            "or put the four .gz files of Fashion-MNIST there"
        )
        return published("FashionMNIST", Path(self.root), archives=DEBIAN, remedy=remedy)
