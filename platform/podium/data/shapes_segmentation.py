"""Generated shapes with their masks; see ``podium.data.shapes``."""

from collections.abc import Sequence
from typing import ClassVar

from podium.contracts import Targets
from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.shapes import CLASSES, SEED, TEST, TRAINING, draw_shapes


class ShapesSegmentation(DataModule):
    """1,600 + 400 generated pictures, 64x64: the class of every pixel is ground, circle, square or triangle."""

    name = "shapes_segmentation"
    remedy = "restore podium/data/shapes.py"
    class_names: ClassVar[Sequence[str]] = ("ground", *CLASSES)
    targets: ClassVar[Targets] = "masks"

    def load(self) -> Source:
        """Draw the pictures: it takes a second."""
        made = draw_shapes(pictures=TRAINING + TEST, seed=SEED)
        return Source(made.pictures, made.masks, test_start=TRAINING)
