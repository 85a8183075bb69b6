"""Any folder of images, a folder a class.

With ``train/`` in it, ``test/`` is the test split; where there is none, ``val/`` or ``validation/`` is. With both, the
images for validation join those for training, since validation is carved from these. Without ``train/``, the classes
lie in the root, and a share is carved for testing. Classes are numbered in the order of their names; images may lie at
any depth below them.
"""

from pathlib import Path

from podium.data.classes import by_folder, folders_of_splits, splits
from podium.data.image_content import Arrangement
from podium.data.image_scan import Scan
from podium.data.images import ImageFiles


class ImageFolder(ImageFiles):
    """Your own images: set data.root, data.num_classes and data.shape."""

    name = "image_folder"
    remedy = "set data.root to the folder of your images"

    def folders(self) -> tuple[Path, list[str]]:
        """The folders of the splits, or the whole root."""
        return Path(self.root), folders_of_splits(Path(self.root))

    def arrange(self, scan: Scan) -> Arrangement:
        """Sort by the folder of the class."""
        training, test = splits(scan.root)
        return by_folder(scan, training=training, test=test, num_classes=self.num_classes)
