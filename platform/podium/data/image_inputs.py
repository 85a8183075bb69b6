"""Inputs that are pictures, read when they are asked for: resized by the shorter side, then the centre is cut out.

Pillow does both, on the decoded picture, with its antialiased bilinear filter: published ImageNet weights were measured
that way, and ours agrees with torchvision's ``Resize`` and ``CenterCrop`` on Pillow images to the last bit. Differs from
them: of a picture longer than 16 times its shorter side only the middle is resized, because resizing 1 x 30,000 pixels
would take gigabytes. JPEG's cheaper decoding at a reduced scale is not used: its pixels differ.

Pictures come from files (``FilePictures``) or from a pack of these (podium/data/packed.py), with the same pixels.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from podium.data.arrays import Indices
from podium.data.image_file import BadImage, in_channels, read_image
from podium.data.image_scan import read_bytes

Pixels = npt.NDArray[np.uint8]
Sides = npt.NDArray[np.int32]  # (n, 2): width and height
LONGEST = 16  # the longest side that is resized, in shorter sides


class Pictures(Protocol):
    """Whole pictures by their number, read by many threads at a time."""

    keeps_original: bool  # else a picture has only the size that it was resized to

    def sizes(self, numbers: Indices, *, resize: int | None) -> Sides:
        """Width and height of these pictures, resized or (None) as they are."""

    def resized(self, number: int, *, channels: int, resize: int) -> Pixels:
        """A picture (height, width, channels) with its shorter side at ``resize``."""

    def original(self, number: int, *, channels: int) -> Pixels:
        """A picture (height, width, channels) at its own size."""


class FilePictures:
    """Image files. ``plain`` says which are ordinary JPEG, which simplejpeg decodes to Pillow's pixels in less time."""

    keeps_original = True

    def __init__(
        self, root: Path, names: list[bytes], *, extent: Sides, plain: npt.NDArray[np.bool_]
    ) -> None:
        self.root = root
        self.names = names
        self.extent = extent
        self.plain = plain

    def content(self, number: int) -> bytes:
        """The bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        return read_bytes(self.root, self.names[number])

    def sizes(self, numbers: Indices, *, resize: int | None) -> Sides:
        """Width and height of these pictures, resized or (None) as they are."""
        own = self.extent[numbers]
        return own if resize is None else resized_sizes(own, resize)

    def resized(self, number: int, *, channels: int, resize: int) -> Pixels:
        """A picture (height, width, channels) with its shorter side at ``resize``, by Pillow from end to end."""
        return pixels_of(shrink(in_channels(self._image(number, self._content(number)), channels), resize))

    def original(self, number: int, *, channels: int) -> Pixels:
        """A picture (height, width, channels) at its own size."""
        content = self._content(number)
        if self.plain[number] and channels == 3:
            try:
                pixels: Pixels = simplejpeg.decode_jpeg(content, "RGB")
                return pixels
            except ValueError:
                pass  # it has changed: Pillow says what is wrong
        return pixels_of(in_channels(self._image(number, content), channels))

    def _content(self, number: int) -> bytes:
        try:
            return self.content(number)
        except OSError as error:
            raise self._changed(number, error.strerror) from None

    def _image(self, number: int, content: bytes) -> Image.Image:
        try:
            image, _ = read_image(content, suffix=PurePosixPath(os.fsdecode(self.names[number])).suffix)
        except BadImage as error:
            raise self._changed(number, error) from None
        return image

    def _changed(self, number: int, reason: object) -> ValueError:
        return ValueError(
            f"{os.fsdecode(self.names[number])} must be the image that was checked, got {reason}; "
            "restore it or start again"
        )


class ImageInputs:
    """uint8 inputs (n, channels, height, width), or (n, channels, frames, height, width) of several pictures each.

    ``files`` says which of the pictures make an example: (n,) or (n, frames). What was read once is kept when ``kept``,
    else read again; pixels and order are the same either way, and with any number of threads.

    Raises:
        ValueError: from reading, where a file has changed since it was checked, so that it cannot be read.
    """

    dtype: np.dtype[Any] = np.dtype(np.uint8)

    def __init__(
        self,
        pictures: Pictures,
        files: Indices,
        *,
        shape: Sequence[int],
        resize: int,
        kept: bool,
        threads: int,
    ) -> None:
        self.pictures = pictures
        self.files = files
        self.shape = (len(files), *shape)
        self.resize = resize
        self.threads = threads
        self._pixels = np.empty(self.shape, dtype=np.uint8) if kept else None
        self._there = np.zeros(len(files), dtype=np.bool_)

    def __len__(self) -> int:
        """Examples."""
        return len(self.files)

    def __getitem__(self, rows: Indices) -> Pixels:
        """The inputs of these rows, (rows, *sample shape)."""
        if self._pixels is None:
            return self._decoded(rows)
        new = np.unique(rows[~self._there[rows]])
        if len(new):
            self._pixels[new] = self._decoded(new)
            self._there[new] = True  # last: another thread that reads the same rows decodes them too
        return self._pixels[rows]

    def _decoded(self, rows: Indices) -> Pixels:
        found = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)

        def decode(place: int) -> None:
            found[place] = self._example(int(rows[place]))

        in_threads(decode, len(rows), threads=self.threads)
        return found

    def _example(self, row: int) -> Pixels:
        pictures = [self._picture(file) for file in np.atleast_1d(self.files[row]).tolist()]
        return np.stack(pictures, axis=1) if self.files.ndim == 2 else pictures[0]

    def _picture(self, file: int) -> Pixels:
        height, width = self.shape[-2:]
        whole = self.pictures.resized(file, channels=self.shape[1], resize=self.resize)
        top, left = round((whole.shape[0] - height) / 2), round((whole.shape[1] - width) / 2)
        return whole[top : top + height, left : left + width].transpose(2, 0, 1)


def in_threads(work: Callable[[int], None], count: int, *, threads: int) -> None:
    """Do ``work`` for each number below ``count``; what it raises is raised here."""
    threads = max(1, min(threads, count))

    def some(first: int) -> None:
        for number in range(first, count, threads):
            work(number)

    if threads == 1:
        some(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(some, range(threads)):
            pass


def plain_jpeg(names: Sequence[bytes], note: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which files are JPEG as their names say, with nothing to convert in them."""
    named = [name.lower().endswith((b".jpg", b".jpeg")) for name in names]
    plain: npt.NDArray[np.bool_] = np.array(named, dtype=np.bool_) & (note == 0)
    return plain


def pixels_of(image: Image.Image) -> Pixels:
    """A picture as (height, width, channels)."""
    pixels: Pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def fit(image: Image.Image, *, height: int, width: int, resize: int) -> Image.Image:
    """The centre of the picture after its shorter side was brought to ``resize``."""
    return _centre(shrink(image, resize), width, height)


def shrink(image: Image.Image, resize: int) -> Image.Image:
    """The picture with its shorter side brought to ``resize``; of a very long one its middle."""
    wide, high = resized_sizes(np.array([image.size], dtype=np.int32), resize)[0].tolist()
    size, longest = (wide, high), LONGEST * min(image.size)
    if max(image.size) > longest:
        image = _centre(image, min(image.width, longest), min(image.height, longest))
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)


def resized_sizes(extent: Sides, resize: int) -> Sides:
    """Width and height of pictures of this extent after ``shrink``; rounded down, as torchvision does."""
    short = extent.astype(np.int64).min(axis=1, keepdims=True)
    cut = np.minimum(extent, LONGEST * short)
    sizes: Sides = (resize * cut // short).astype(np.int32)
    return sizes


def _centre(image: Image.Image, width: int, height: int) -> Image.Image:
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))
