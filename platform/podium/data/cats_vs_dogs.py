"""Cats against dogs: Elson, Douceur, Howell, Saul, 2007, "Asirra", https://doi.org/10.1145/1315245.1315291.

The 25,000 photographs of Kaggle's competition, or any part of them. Differs from the lecture: the shorter side is
resized and the centre cut out, where Keras squeezed every photograph into a square.
"""

import os
import re
from pathlib import Path

import numpy as np

from podium.data.classes import by_class, has_folders
from podium.data.image_content import Arrangement
from podium.data.image_scan import Scan
from podium.data.images import ImageFiles

KIND = re.compile(rb"(cat|dog)s?(?=[./_]|$)", re.IGNORECASE)
TEST = ("validation", "val", "test")


class CatsVsDogs(ImageFiles):
    """{root}/cats_vs_dogs with train/cat.0.jpg as Kaggle packs it, with folders cats and dogs, or with both splits.

    The lecture's folders train/cats, train/dogs, validation/cats, validation/dogs are a published split: set
    data.split.test=null.
    """

    name = "cats_vs_dogs"
    remedy = "unpack the photographs into {root}/cats_vs_dogs again"

    def folders(self) -> tuple[Path, list[str]]:
        """The photographs with a class; Kaggle's test photographs have none."""
        base = Path(self.root) / "cats_vs_dogs"
        if not base.is_dir():
            raise ValueError(
                f"cats_vs_dogs must be in {base}, got no such folder; unpack train.zip of Kaggle's competition "
                "dogs-vs-cats there, or set data.root"
            )
        if not (base / "train").is_dir():
            return base, ["."]
        return base, ["train", *[name for name in TEST if has_folders(base / name)][:1]]

    def arrange(self, scan: Scan) -> Arrangement:
        """Sort by the first part of a name that says cat or dog, of a folder or of the file."""
        kinds = []
        for name in scan.names:
            said = [match for match in map(KIND.match, name.split(b"/")) if match]
            if not said:
                raise ValueError(
                    f"every image in {scan.root} must be named as a cat or a dog, or lie in a folder cats or dogs, "
                    f"got {os.fsdecode(name)}; move it"
                )
            kinds.append(said[0][1].decode().lower())
        _, below = self.folders()
        in_test = np.array(
            [name.startswith(tuple(f"{part}/".encode() for part in below[1:])) for name in scan.names]
        )
        return by_class(
            kinds,
            in_test.astype(np.bool_),
            declared={"cat", "dog"},
            num_classes=self.num_classes,
            where=str(scan.root),
            published=len(below) == 2,
        )
