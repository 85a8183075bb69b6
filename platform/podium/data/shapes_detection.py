"""Generated shapes with their boxes; see ``podium.data.shapes``."""

from collections.abc import Sequence
from typing import ClassVar

from podium.contracts import Targets
from podium.data.arrays import Source
from podium.data.base import DataModule
from podium.data.shapes import CLASSES, SEED, TEST, TRAINING, draw_shapes


class ShapesDetection(DataModule):
    """1,600 + 400 generated pictures, 64x64, of one to four circles, squares and triangles, with boxes around them."""

    name = "shapes_detection"
    remedy = "restore podium/data/shapes.py"
    class_names: ClassVar[Sequence[str]] = CLASSES
    targets: ClassVar[Targets] = "boxes"

    def load(self) -> Source:
        """Draw the pictures: it takes a second."""
        made = draw_shapes(pictures=TRAINING + TEST, seed=SEED)
        return Source(made.pictures, made.boxes, test_start=TRAINING)
