"""CIFAR-100: Krizhevsky, 2009, "Learning multiple layers of features from tiny images",
https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf.

Follows the paper: its test split.
"""

from pathlib import Path

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.cifar import published


class Cifar100(DataModule):
    """50,000 + 10,000 colour photographs of 32x32 pixels in 100 classes; ``class_names`` once they are loaded."""

    name = "cifar100"
    remedy = "delete the folder of CIFAR-100 in {root} and run again"
    class_names: list[str]

    def load(self) -> Source:
        """Read torchvision's files, after downloading them if they are missing."""
        source, self.class_names = published("CIFAR100", Path(self.root))
        return source
