"""Pictures in the layout of VOC 2007 and 2012, with masks; see ``podium.data.voc``."""

from pathlib import Path
from typing import ClassVar

from podium.contracts import Targets
from podium.data.annotated import Annotated, AnnotatedImages
from podium.data.voc import read_masks


class VocSegmentation(AnnotatedImages):
    """Pictures in the layout of VOC 2007 and 2012, with masks; ``files`` says where."""

    name = "voc_segmentation"
    targets: ClassVar[Targets] = "masks"

    def folders(self) -> list[str]:
        """The one folder of pictures."""
        return ["JPEGImages"]

    def annotated(self, root: Path) -> Annotated:
        """Read the annotations of both splits."""
        return read_masks(root, self.files)
