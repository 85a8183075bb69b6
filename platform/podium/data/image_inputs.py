"""Inputs that are image files, decoded when they are asked for: resized by the shorter side, then the centre is cut out.

Pillow does both, on the decoded picture, with its antialiased bilinear filter: published ImageNet weights were measured
that way, and ours agrees with torchvision's ``Resize`` and ``CenterCrop`` on Pillow images to the last bit. Differs from
them: of a picture longer than 16 times its shorter side only the middle is resized, because resizing 1 x 30,000 pixels
would take gigabytes. JPEG's cheaper decoding at a reduced scale is not used: its pixels differ.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from podium.data.arrays import Indices
from podium.data.image_file import BadImage, in_channels, read_image
from podium.data.image_scan import under

Pixels = npt.NDArray[np.uint8]
LONGEST = 16  # the longest side that is resized, in shorter sides


class ImageInputs:
    """uint8 inputs (n, channels, height, width), or (n, channels, frames, height, width) of several files each.

    ``files`` says which of the names make an example: (n,) or (n, frames). What was decoded once is kept when ``kept``,
    else decoded again; pixels and order are the same either way, and with any number of threads.
    """

    dtype: np.dtype[Any] = np.dtype(np.uint8)

    def __init__(
        self,
        root: Path,
        names: list[bytes],
        files: Indices,
        *,
        shape: Sequence[int],
        resize: int,
        kept: bool,
        threads: int,
    ) -> None:
        self.root = root
        self.names = names
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
        """The inputs of these rows, (rows, *sample shape).

        Raises:
            ValueError: a file has changed since it was checked, so that it cannot be read.
        """
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

        if self.threads == 1 or len(rows) == 1:
            for place in range(len(rows)):
                decode(place)
            return found
        with ThreadPoolExecutor(min(self.threads, len(rows))) as pool:
            for _ in pool.map(decode, range(len(rows))):
                pass  # raises what a thread raised
        return found

    def _example(self, row: int) -> Pixels:
        pictures = [self._picture(file) for file in np.atleast_1d(self.files[row]).tolist()]
        return np.stack(pictures, axis=1) if self.files.ndim == 2 else pictures[0]

    def _picture(self, file: int) -> Pixels:
        name = self.names[file]
        channels, (height, width) = self.shape[1], self.shape[-2:]
        try:
            content = Path(os.fsdecode(under(self.root, name))).read_bytes()
            image, _ = read_image(content, suffix=PurePosixPath(os.fsdecode(name)).suffix)
        except (BadImage, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(
                f"{os.fsdecode(name)} must be the image that was checked, got {reason}; restore it or start again"
            ) from None
        shown = np.asarray(fit(in_channels(image, channels), height=height, width=width, resize=self.resize))
        return shown[None] if channels == 1 else shown.transpose(2, 0, 1)


def fit(image: Image.Image, *, height: int, width: int, resize: int) -> Image.Image:
    """The centre of the picture after its shorter side was brought to ``resize``."""
    longest = LONGEST * min(image.size)
    if max(image.size) > longest:
        image = _centre(image, min(image.width, longest), min(image.height, longest))
    size = _resized(image.size, resize)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return _centre(image, width, height)


def _centre(image: Image.Image, width: int, height: int) -> Image.Image:
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _resized(size: tuple[int, int], resize: int) -> tuple[int, int]:
    """Width and height with this shorter side; the longer one is rounded down, as torchvision does."""
    wide, high = size
    return (resize, resize * high // wide) if wide <= high else (resize * wide // high, resize)
