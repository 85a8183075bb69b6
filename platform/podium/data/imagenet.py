"""ImageNet, the ILSVRC 2012 classification task: Russakovsky et al., 2014, https://arxiv.org/abs/1409.0575.

Differs from the paper: the published validation set is our test set, since labels of the published test set were never
given out; validation is carved from training. 1,281,167 + 50,000 photographs in 1,000 classes, numbered in the order of
their synsets, as published weights have them. A part of it in the same folders works too: set data.num_classes.
"""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from podium.data.classes import by_class, by_folder, class_folder, has_folders
from podium.data.errors import one_line
from podium.data.image_content import Arrangement
from podium.data.image_scan import Scan
from podium.data.images import ImageFiles

DEVKIT = Path("ILSVRC2012_devkit_t12") / "data"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
SOLUTION = "LOC_val_solution.csv"


class Imagenet(ImageFiles):
    """{root}/imagenet with train/SYNSET/*.JPEG and val/, or as Kaggle packs it, in ILSVRC/Data/CLS-LOC.

    ``val`` has a folder a synset, or all images, and then their classes are in LOC_val_solution.csv or in the
    development kit. ``class_names`` are words where LOC_synset_mapping.txt or words.txt is there.
    """

    name = "imagenet"
    remedy = "unpack ILSVRC2012 into {root}/imagenet again"

    def folders(self) -> tuple[Path, list[str]]:
        """Training and validation images."""
        base = Path(self.root) / "imagenet"
        for place in (base, base / "ILSVRC" / "Data" / "CLS-LOC"):
            if has_folders(place / "train") and (place / "val").is_dir():
                return place, ["train", "val"]
        raise ValueError(
            f"imagenet must be in {base}, got no train/ and val/ there; unpack ILSVRC2012_img_train.tar and "
            "ILSVRC2012_img_val.tar of image-net.org there, or set data.root"
        )

    def arrange(self, scan: Scan) -> Arrangement:
        """Sort by synset, and name the classes by their words."""
        if has_folders(scan.root / "val"):
            found = by_folder(scan, training=["train"], test="val", num_classes=self.num_classes)
        else:
            found = self._by_list(scan)
        said = _words(Path(self.root) / "imagenet")
        return found._replace(class_names=[said.get(synset, synset) for synset in found.class_names])

    def _by_list(self, scan: Scan) -> Arrangement:
        truth = _truth(Path(self.root) / "imagenet")
        kinds = []
        for name in scan.names:
            if not name.startswith(b"val/"):
                kinds.append(os.fsdecode(class_folder(scan, name, flat=False).rpartition(b"/")[2]))
                continue
            image = Path(os.fsdecode(name)).stem
            if image not in truth:
                raise ValueError(
                    f"every image in {scan.root}/val must have a class, got none of {image}; remove it"
                )
            kinds.append(truth[image])
        return by_class(
            kinds,
            np.array([name.startswith(b"val/") for name in scan.names]),
            declared={os.fsdecode(name[6:]) for name in scan.folders if name.count(b"/") == 1},
            num_classes=self.num_classes,
            where=str(scan.root),
            published=True,
        )


def _truth(base: Path) -> dict[str, str]:
    """The synset of every validation image, by its name without suffix."""
    if (base / SOLUTION).is_file():
        with (base / SOLUTION).open(newline="") as file:
            return {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(file)}
    for folder in (base / DEVKIT, base):
        if (folder / TRUTH).is_file() and (folder / "meta.mat").is_file():
            synsets = _numbered(folder / "meta.mat")
            lines = (folder / TRUTH).read_text().split()
            return {f"ILSVRC2012_val_{k:08d}": synsets[int(line)] for k, line in enumerate(lines, start=1)}
    raise ValueError(
        f"images of imagenet/val must lie in folders of their synsets, got none and no list; put {SOLUTION} of Kaggle "
        f"or {DEVKIT.parent} with {TRUTH} and meta.mat into {base}"
    )


def _numbered(path: Path) -> dict[int, str]:
    """The synset of each number that the development kit uses, which is not our order."""
    from scipy.io import loadmat  # late: only this form of the data set needs it

    try:
        table: Any = loadmat(path, squeeze_me=True)["synsets"]
        return {
            int(number): str(synset)
            for number, synset in zip(table["ILSVRC2012_ID"], table["WNID"], strict=True)
        }
    except Exception as error:  # scipy raises anything on a damaged file
        raise ValueError(
            f"{path} must be the table of the development kit, got {one_line(error)}; unpack it again"
        ) from None


def _words(base: Path) -> dict[str, str]:
    """What each synset means, first word only, where a list says it."""
    for file in (base / "LOC_synset_mapping.txt", base / "words.txt"):
        if file.is_file():
            pairs = (line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines())
            return {pair[0]: pair[1].split(",")[0].strip() for pair in pairs if len(pair) == 2}
    return {}
