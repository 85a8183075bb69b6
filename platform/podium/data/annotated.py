"""Pictures with annotations of their objects, in whatever format: checked, brought to one size, read when needed.

Every picture is checked as any image file is, its annotations against it, and what is wrong is listed before the first
step. Pictures are stretched to the size of ``shape``, whatever their own; boxes are scaled with them, and masks by the
nearest pixel, so that no class is made up.
"""

import hashlib
import logging
import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.image_file import Note
from podium.data.image_index import Index, cpus, index_images, keep
from podium.data.image_inputs import FilePictures
from podium.data.image_scan import Scan, scan_images
from podium.data.images import AUTO_BYTES, NAMED
from podium.data.split import Split
from podium.data.stretched import StretchedInputs, stretch
from podium.data.view import View

log = logging.getLogger(__name__)
OUTSIDE = 1.0  # pixels that a box may lie outside its picture, by rounding: it is cut
Box = tuple[int, float, float, float, float]
Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class AnnotatedFiles:
    """Where annotations are, below the root, and what is done about bad ones.

    ``train`` and ``test`` are the names of the published splits; a ``test`` of null leaves it to the split.
    ``class_names`` null takes those of the files. Pictures with more than ``most_objects`` are bad; bad pictures are
    refused all, or skipped one by one.
    """

    folder: str
    train: str
    test: str | None
    class_names: list[str] | None
    most_objects: int
    bad_annotations: Literal["refuse", "skip"]

    def __post_init__(self) -> None:
        if self.most_objects < 1:
            raise ValueError(
                f"most_objects must be at least 1, got {self.most_objects}; set data.files.most_objects=100"
            )
        if self.bad_annotations not in ("refuse", "skip"):
            raise ValueError(
                f"bad_annotations must be refuse or skip, got {self.bad_annotations}; "
                "set data.files.bad_annotations=skip"
            )


class Picture(NamedTuple):
    """One picture as annotated: its file below the folder, its width and height where they are said, its objects.

    Boxes are class, x1, y1, x2, y2 in the file's pixels; ``paint`` makes the mask of a width and a height, or raises
    ValueError. ``problem`` is what is wrong with the annotation itself, else empty.
    """

    file: str
    extent: tuple[int, int] | None
    boxes: Sequence[Box] = ()
    paint: Callable[[int, int], Mask] | None = None
    problem: str = ""


class Annotated(NamedTuple):
    """All pictures, those for training first, and the names of the classes of their objects."""

    pictures: list[Picture]
    test_start: int | None
    class_names: list[str]


class AnnotatedImages(DataModule):
    """A data set of annotated pictures. A subclass says where they are (``folders``) and reads them (``annotated``).

    ``class_names`` is known once the data set has been loaded; masks have a ground before the classes of objects.
    """

    remedy = "restore the files below {root}"
    class_names: list[str]

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        checksum: str | None,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
        files: AnnotatedFiles,
    ) -> None:
        super().__init__(
            shape=shape,
            num_classes=num_classes,
            checksum=checksum,
            root=root,
            seed=seed,
            batch_size=batch_size,
            split=split,
            view=view,
        )
        if len(shape) != 3 or shape[0] not in (1, 3):
            raise ValueError(f"shape must be [1 or 3,height,width], got {shape}; set data.shape=[3,256,256]")
        self.files = files

    @abstractmethod
    def folders(self) -> list[str]:
        """The folders of pictures, below that of the data set."""

    @abstractmethod
    def annotated(self, root: Path) -> Annotated:
        """Read the annotations in a folder.

        Raises:
            ValueError: a file that all pictures need is missing or damaged.
        """

    def load(self) -> Source:
        """Read annotations, check them and their pictures, and offer the pictures."""
        root = Path(self.root) / self.files.folder
        scan = scan_images(root, below=self.folders())
        found = self.annotated(root)
        self.class_names = [*(["ground"] if self.targets == "masks" else []), *found.class_names]
        if len(self.class_names) != self.num_classes:
            raise ValueError(
                f"num_classes must be {len(self.class_names)}, one for each of {', '.join(self.class_names[:NAMED])}, "
                f"got {self.num_classes}; set data.num_classes={len(self.class_names)}"
            )
        place = {os.fsdecode(name): row for row, name in enumerate(scan.names)}
        used = scan.take(
            np.unique([place[p.file] for p in found.pictures if p.file in place]).astype(np.int64)
        )
        index = index_images(used, name=self.name)
        return self._offered(root, found, used, index)

    def _offered(self, root: Path, found: Annotated, scan: Scan, index: Index) -> Source:
        place = {os.fsdecode(name): row for row, name in enumerate(scan.names)}
        labels: list[npt.NDArray[Any]] = []
        good: list[int] = []
        bad: list[str] = []
        for number, picture in enumerate(found.pictures):
            try:
                labels.append(self._label(picture, place.get(picture.file), index))
                good.append(number)
            except ValueError as error:
                bad.append(f"{picture.file}: {error}")
        self._judge(root, bad, len(found.pictures))
        start = None if found.test_start is None else int(np.searchsorted(good, found.test_start))
        rows = np.array([place[found.pictures[number].file] for number in good], dtype=np.int64)
        inputs = StretchedInputs(
            FilePictures(root, scan.names, extent=index.extent, plain=np.zeros(len(scan.names), np.bool_)),
            rows,
            shape=self.shape,
            resize=0,
            kept=len(rows) * int(np.prod(self.shape)) <= AUTO_BYTES,
            threads=cpus(),
        )
        stacked = np.stack(labels)
        return Source(inputs, stacked, start, content=_content(scan, index, rows, stacked, start))

    def _label(self, picture: Picture, row: int | None, index: Index) -> npt.NDArray[Any]:
        """The target of one picture, in the size of the inputs.

        Raises:
            ValueError: the picture or its annotation is bad.
        """
        if picture.problem:
            raise ValueError(picture.problem)
        if row is None:
            raise ValueError("no such image")
        if index.problem[row]:
            raise ValueError(index.problem[row])
        width, height = (int(size) for size in index.extent[row])
        if index.note[row] & Note.ROTATED:
            raise ValueError("turned by its EXIF, which its annotation is not")
        if picture.extent not in (None, (width, height)):
            raise ValueError(f"annotated as {_by(picture.extent)} pixels, it has {width}x{height}")
        if picture.paint is not None:
            mask = stretch(
                Image.fromarray(picture.paint(width, height)), self.shape, Image.Resampling.NEAREST
            )
            return np.asarray(mask)
        return scaled_boxes(
            picture.boxes, (width, height), (self.shape[2], self.shape[1]), self.files.most_objects
        )

    def _judge(self, root: Path, bad: list[str], pictures: int) -> None:
        if not bad:
            return
        text = "".join(f"cannot be used: {line}\n" for line in bad).encode(errors="surrogateescape")
        where = keep(root, f"{self.name}.txt", text) or "no file, since none can be written"
        first = "; ".join(bad[:NAMED])
        if self.files.bad_annotations == "refuse" or len(bad) == pictures:
            raise ValueError(
                f"every picture below {root} must be whole and well annotated, got {len(bad):,} of {pictures:,} that are "
                f"not: {first}; all are listed in {where}; repair them, or set data.files.bad_annotations=skip"
            )
        log.warning("%s of %s pictures are left out: %s; see %s", len(bad), pictures, first, where)


def scaled_boxes(
    boxes: Sequence[Box], extent: tuple[int, int], size: tuple[int, int], most: int
) -> npt.NDArray[np.float32]:
    """Boxes of a picture of this width and height as they are in one of that size, filled up with rows of -1.

    Raises:
        ValueError: too many boxes, or one that is outside the picture or has no size.
    """
    if len(boxes) > most:
        raise ValueError(f"{len(boxes)} objects, more than data.files.most_objects={most}")
    scaled = np.full((most, 5), -1, dtype=np.float32)
    width, height = extent
    for row, (number, x1, y1, x2, y2) in enumerate(boxes):
        shown = f"a box ({x1:g}, {y1:g}, {x2:g}, {y2:g})"
        inside = x1 >= -OUTSIDE and y1 >= -OUTSIDE and x2 <= width + OUTSIDE and y2 <= height + OUTSIDE
        if x2 <= x1 or y2 <= y1:
            raise ValueError(f"{shown} without size")
        if not inside:  # also where a corner is not a number
            raise ValueError(f"{shown} outside its {width}x{height} pixels")
        scaled[row, 0] = number
        scaled[row, 1::2] = np.clip((x1, x2), 0, width) * (size[0] / width)
        scaled[row, 2::2] = np.clip((y1, y2), 0, height) * (size[1] / height)
        if not (scaled[row, 3:] > scaled[row, 1:3]).all():
            raise ValueError(f"{shown} without size")
    return scaled


def _content(
    scan: Scan, index: Index, rows: Indices, labels: npt.NDArray[Any], test_start: int | None
) -> str:
    """SHA-256 (hex) of a line for each picture, its split, name and SHA-256, then of all labels."""
    digest = hashlib.sha256()
    start = len(rows) if test_start is None else test_start
    for number, row in enumerate(rows.tolist()):
        split = b"train " if number < start else b"test "
        digest.update(split + scan.names[row] + b" " + index.sha256[row].tobytes() + b"\n")
    digest.update(labels.tobytes())
    return digest.hexdigest()


def _by(extent: tuple[int, int] | None) -> str:
    return "x".join(str(size) for size in extent or ())
