"""Data sets of image files: what they do alike, from looking into the folder to inputs that are read when needed.

A folder is looked through, its files are sorted into classes and splits by their names, every file is checked once
(and only if it is new or changed after that), and then images are decoded batch by batch, or kept if they fit.
"""

import logging
import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from podium.contracts import Augmentation
from podium.data.arrays import Examples, Indices, Lazy, Source
from podium.data.base import DataModule
from podium.data.crops import Cropped, Crops
from podium.data.image_content import Arrangement, content_of, same_content
from podium.data.image_file import Note, words
from podium.data.image_index import Index, cpus, index_images, keep
from podium.data.image_inputs import FilePictures, ImageInputs, Pictures, plain_jpeg
from podium.data.image_scan import Scan, scan_images
from podium.data.packed import Form, Pack
from podium.data.split import Split
from podium.data.view import View

log = logging.getLogger(__name__)
AUTO_BYTES = 2**31  # in_memory=auto keeps decoded images up to 2 GiB
NAMED = 10  # files that an error names


@dataclass(frozen=True, kw_only=True)
class Images:
    """How image files become inputs.

    ``resize`` is what the shorter side is brought to before the centre is cut out. ``bad_files`` refuses a folder with
    files that cannot be read, or skips these. ``in_memory`` keeps what was decoded: always, never, or if all of it is
    at most 2 GiB; pixels are the same.

    ``packed`` is a folder of ``podium data pack``, from which the same pixels are read. ``crops`` lets the augmentations
    resized_crop, crop and flip, as the first of their list, cut whole training pictures while these are read: at the files'
    own size, or resized. Both have defaults, so that records from before there were such can be run again.
    """

    resize: int
    bad_files: Literal["refuse", "skip"]
    in_memory: Literal["auto", "always", "never"]
    packed: str | None = None
    crops: Literal["original", "resized"] | None = None

    def __post_init__(self) -> None:
        if self.bad_files not in ("refuse", "skip"):
            raise ValueError(
                f"bad_files must be refuse or skip, got {self.bad_files}; set data.images.bad_files=skip"
            )
        if self.in_memory not in ("auto", "always", "never"):
            raise ValueError(
                f"in_memory must be auto, always or never, got {self.in_memory}; set data.images.in_memory=auto"
            )
        if self.crops not in ("original", "resized", None):
            raise ValueError(
                f"crops must be original, resized or null, got {self.crops}; set data.images.crops=null"
            )

    def check(self, shape: list[int]) -> None:
        """Whether inputs of this shape can be cut out.

        Raises:
            ValueError: they are neither grey nor colour, or larger than the resized image.
        """
        if shape[0] not in (1, 3):
            raise ValueError(f"shape must have 1 or 3 channels, got {shape}; set data.shape=[3,224,224]")
        if self.resize < max(shape[-2:]):
            raise ValueError(
                f"resize must be at least the larger side of the shape {shape}, got {self.resize}; "
                f"set data.images.resize={max(shape[-2:])}"
            )

    def keeps(self, inputs: int) -> bool:
        """Whether so many bytes of decoded inputs are kept; a pack is mapped into memory already."""
        if self.packed is not None:
            return False
        return self.in_memory == "always" or (self.in_memory == "auto" and inputs <= AUTO_BYTES)


class ImageFiles(DataModule):
    """A data set of image files. A subclass says where they are (``look``) and what they are (``arrange``).

    ``class_names`` is known once the data set has been loaded.
    """

    class_names: list[str]
    form: ClassVar[str] = "[channels,height,width]"

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
        images: Images,
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
        if len(shape) != self.form.count(",") + 1:
            raise ValueError(f"shape must be {self.form}, got {self.shape}; set data.shape")
        images.check(self.shape)
        self.images = images
        self._crops: Crops | None = None

    @abstractmethod
    def folders(self) -> tuple[Path, list[str]]:
        """Where the files are: a folder, and what to look through in it."""

    @abstractmethod
    def arrange(self, scan: Scan) -> Arrangement:
        """Make examples of the files.

        Raises:
            ValueError: classes or splits are not as they should be.
        """

    def load(self) -> Source:
        """Look, arrange, check what is new, and offer the images; or read all that from a pack."""
        if self.images.packed is not None:
            return self._source_of(*self._from_pack(Path(self.images.packed)))
        scan = self.scan()
        index = index_images(scan, name=self.name)
        good = self._judge(scan, index)
        names = [scan.names[row] for row in good.tolist()]
        kept = index.take(good)
        pictures = FilePictures(scan.root, names, extent=kept.extent, plain=plain_jpeg(names, kept.note))
        return self._source_of(scan, index, good, self.arrange(scan.take(good)), pictures)

    def scan(self) -> Scan:
        """Look for the files, and whether they can be arranged.

        Raises:
            ValueError: there are none, or classes or splits are not as they should be.
        """
        root, below = self.folders()
        scan = scan_images(root, below=below)
        if not scan.names:
            raise ValueError(f"{root} must hold images, got none in it; {self.remedy.format(root=self.root)}")
        if scan.others:
            log.warning(
                "%s files below %s are not named as images and not looked at", f"{scan.others:,}", root
            )
        self.arrange(scan)  # what is wrong with the folders is said before hours of checking
        return scan

    def take_over(self, augmentations: Sequence[Augmentation]) -> list[Augmentation]:
        """Cut whole training pictures as the first augmentations say, where ``images.crops`` asks for it."""
        if self.images.crops is None:
            return list(augmentations)
        resize = self.images.resize if self.images.crops == "resized" else None
        self._crops = Crops(augmentations, resize=resize, seed=self.seed)
        return list(augmentations[self._crops.count :])

    def training(self, *, plain: bool) -> Examples:
        """What is trained on: cut from whole pictures, if so asked."""
        examples = super().training(plain=plain)
        if self._crops is None:
            return examples
        assert isinstance(examples, Lazy)
        return Cropped(examples, self._crops)

    def _from_pack(self, folder: Path) -> tuple[Scan, Index, Indices, Arrangement, Pictures]:
        pack = Pack(folder)
        wanted = self.packed_as(pack.form.keep)
        for key in ("name", "resize", "channels"):
            if (found := getattr(pack.form, key)) != getattr(wanted, key):
                raise ValueError(
                    f"images.packed must be a pack with {key}={getattr(wanted, key)}, got one with {found} in {folder}; "
                    "pack with the data, data.images.resize and data.shape that you train with"
                )
        if pack.form.keep == "pixels" and self.images.crops == "original":
            raise ValueError(
                f"images.crops must be resized with a pack of pixels, got original with {folder}; "
                "set data.images.crops=resized, or pack with --keep files"
            )
        good = self._judge(pack.scan, pack.table.known)
        return pack.scan, pack.table.known, good, pack.found, pack.pictures(good)

    def packed_as(self, keep: Literal["pixels", "files"], *, shard_bytes: int = 0) -> Form:
        """How these images are packed."""
        pixels = keep == "pixels"
        return Form(
            self.name,
            keep,
            resize=self.images.resize if pixels else None,
            channels=self.shape[0] if pixels else None,
            shard_bytes=shard_bytes,
        )

    def _source_of(
        self, scan: Scan, index: Index, good: Indices, found: Arrangement, pictures: Pictures
    ) -> Source:
        self.class_names = found.class_names
        inputs = ImageInputs(
            pictures,
            found.files,
            shape=self.shape,
            resize=self.images.resize,
            kept=self.images.keeps(len(found.files) * int(np.prod(self.shape))),
            threads=cpus(),
        )
        skipped, kept = np.setdiff1d(np.arange(len(scan.names)), good), index.take(good)
        content = content_of(found, scan.take(good), kept, scan.take(skipped), index.take(skipped))
        return Source(
            inputs, found.labels, found.test_start, content=content, groups=same_content(found, kept)
        )

    def _judge(self, scan: Scan, index: Index) -> Indices:
        """The rows of files that can be used; the others, and what is converted, are listed in a file.

        Raises:
            ValueError: some cannot be used, and they are not to be skipped.
        """
        bad = [row for row, problem in enumerate(index.problem) if problem]
        noted = np.flatnonzero(index.note).tolist()
        good = np.setdiff1d(np.arange(len(scan.names)), bad)
        if not bad and not noted:
            return good
        told = [f"{os.fsdecode(scan.names[row])}: {index.problem[row]}" for row in bad]
        lines = [f"cannot be used: {line}" for line in told]
        lines += [
            f"converted: {os.fsdecode(scan.names[row])}: {words(Note(index.note[row]))}" for row in noted
        ]
        text = "".join(f"{line}\n" for line in lines).encode(errors="surrogateescape")
        where = keep(scan.root, f"{self.name}.txt", text) or "no file, since none can be written"
        if noted:
            log.warning("%s; they are listed in %s", _counted(index, noted), where)
        if not bad:
            return good
        first = "; ".join(told[:NAMED])
        if self.images.bad_files == "refuse" or len(good) == 0:
            again = "" if self.images.packed is None else " and pack again"
            raise ValueError(
                f"every image below {scan.root} must be whole, got {len(bad):,} of {len(scan.names):,} that are not: "
                f"{first}; all are listed in {where}; repair them{again}, or set data.images.bad_files=skip"
            )
        log.warning(
            "%s of %s images are left out: %s; see %s", f"{len(bad):,}", f"{len(scan.names):,}", first, where
        )
        return good


def _counted(index: Index, noted: list[int]) -> str:
    counts = Counter(flag for row in noted for flag in Note if flag & int(index.note[row]))
    kinds = ", ".join(f"{count:,} {words(flag)}" for flag, count in sorted(counts.items()))
    return f"{len(noted):,} of {len(index.problem):,} images are converted ({kinds})"
