"""CIFAR-10: Krizhevsky, 2009, "Learning multiple layers of features from tiny images",
https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf.

Follows the paper: its test split.
"""

from pathlib import Path

from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.cifar import published


class Cifar10(DataModule):
    """50,000 + 10,000 colour photographs of 32x32 pixels in 10 classes; ``class_names`` once they are loaded."""

    name = "cifar10"
    remedy = "delete the folder of CIFAR-10 in {root} and run again"
    class_names: list[str]

    def load(self) -> Source:
        """Read torchvision's files, after downloading them if they are missing."""
        source, self.class_names = published("CIFAR10", Path(self.root))
        return source
