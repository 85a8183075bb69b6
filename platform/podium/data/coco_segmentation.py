"""Pictures in the layout of COCO 2014 and 2017, with masks; see ``podium.data.coco``."""

from pathlib import Path
from typing import ClassVar

from podium.contracts import Targets
from podium.data.annotated import Annotated, AnnotatedImages
from podium.data.coco import read


class CocoSegmentation(AnnotatedImages):
    """Pictures in the layout of COCO 2014 and 2017, with masks; ``files`` says where."""

    name = "coco_segmentation"
    targets: ClassVar[Targets] = "masks"

    def folders(self) -> list[str]:
        """A folder for each split."""
        return [split for split in (self.files.train, self.files.test) if split is not None]

    def annotated(self, root: Path) -> Annotated:
        """Read the annotations of both splits."""
        return read(root, self.files, masks=True)
