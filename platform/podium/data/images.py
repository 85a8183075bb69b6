"""Data sets of image files: what they do alike, from looking into the folder to inputs that are read when needed.

A folder is looked through, its files are sorted into classes and splits by their names, every file is checked once
(and only if it is new or changed after that), and then images are decoded batch by batch, or kept if they fit.
"""

import hashlib
import logging
import os
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.image_file import Note, words
from podium.data.image_index import Index, cpus, index_images, keep
from podium.data.image_inputs import ImageInputs
from podium.data.image_scan import Scan, scan_images
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
    """

    resize: int
    bad_files: Literal["refuse", "skip"]
    in_memory: Literal["auto", "always", "never"]

    def __post_init__(self) -> None:
        if self.bad_files not in ("refuse", "skip"):
            raise ValueError(
                f"bad_files must be refuse or skip, got {self.bad_files}; set data.images.bad_files=skip"
            )
        if self.in_memory not in ("auto", "always", "never"):
            raise ValueError(
                f"in_memory must be auto, always or never, got {self.in_memory}; set data.images.in_memory=auto"
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
        """Whether so many bytes of decoded inputs are kept."""
        return self.in_memory == "always" or (self.in_memory == "auto" and inputs <= AUTO_BYTES)


class Arrangement(NamedTuple):
    """Which files make which example: ``files`` are places in the scan, (n,) or (n, frames), training first."""

    files: Indices
    labels: Indices
    test_start: int | None
    class_names: list[str]


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
        """Look, arrange, check what is new, and offer the images."""
        root, below = self.folders()
        scan = scan_images(root, below=below)
        if not scan.names:
            raise ValueError(f"{root} must hold images, got none in it; {self.remedy.format(root=self.root)}")
        if scan.others:
            log.warning(
                "%s files below %s are not named as images and not looked at", f"{scan.others:,}", root
            )
        self.arrange(scan)  # what is wrong with the folders is said before hours of checking
        index = index_images(scan, name=self.name)
        good = self._judge(scan, index)
        skipped, used = np.setdiff1d(np.arange(len(scan.names)), good), scan.take(good)
        found = self.arrange(used)
        self.class_names = found.class_names
        inputs = ImageInputs(
            root,
            used.names,
            found.files,
            shape=self.shape,
            resize=self.images.resize,
            kept=self.images.keeps(len(found.files) * int(np.prod(self.shape))),
            threads=cpus(),
        )
        content = _content(found, used, index.take(good), scan.take(skipped), index.take(skipped))
        groups = _same_content(found, index.take(good))
        return Source(inputs, found.labels, found.test_start, content=content, groups=groups)

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
            raise ValueError(
                f"every image below {scan.root} must be whole, got {len(bad):,} of {len(scan.names):,} that are not: "
                f"{first}; all are listed in {where}; repair them, or set data.images.bad_files=skip"
            )
        log.warning(
            "%s of %s images are left out: %s; see %s", f"{len(bad):,}", f"{len(scan.names):,}", first, where
        )
        return good


def _counted(index: Index, noted: list[int]) -> str:
    counts = Counter(flag for row in noted for flag in Note if flag & int(index.note[row]))
    kinds = ", ".join(f"{count:,} {words(flag)}" for flag, count in sorted(counts.items()))
    return f"{len(noted):,} of {len(index.problem):,} images are converted ({kinds})"


def _content(found: Arrangement, used: Scan, index: Index, skipped: Scan, bad: Index) -> str:
    """SHA-256 (hex) of a line for each file of an example: its split, class, name and SHA-256; then those left out."""
    digest = hashlib.sha256()
    start = len(found.files) if found.test_start is None else found.test_start
    for row, files in enumerate(found.files.reshape(len(found.files), -1).tolist()):
        kind = f"{'train' if row < start else 'test'} {found.class_names[found.labels[row]]} ".encode()
        for file in files:
            digest.update(kind + used.names[file] + b" " + index.sha256[file].tobytes() + b"\n")
    for name, sha256 in zip(skipped.names, bad.sha256, strict=True):
        digest.update(b"left out " + name + b" " + sha256.tobytes() + b"\n")
    return digest.hexdigest()


def _same_content(found: Arrangement, index: Index) -> Indices | None:
    """A number for each example that those with the same files share, so that no split tears them apart."""
    hashes = index.sha256[:, :8].copy().view(np.uint64)[:, 0]  # a chance meeting would only keep two together
    keys = hashes[found.files].reshape(len(found.files), -1).sum(axis=1, dtype=np.uint64)
    groups: Indices = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    start = found.test_start
    if start is not None and (both := np.isin(groups[start:], groups[:start]).sum()):
        log.warning("%s test examples are also for training, file by file the same", f"{both:,}")
    return groups if len(np.unique(groups)) < len(groups) else None
