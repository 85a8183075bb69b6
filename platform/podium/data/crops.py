"""Training pictures that are cut, resized and mirrored from the whole while they are read, straight from their bytes.

What is cut is drawn anew for each example in each epoch, from (seed, epoch, place in the source) alone, so that it depends
neither on batches nor on threads, workers or what was read before. Draws are the raw stream of numpy's Philox, which numpy
keeps the same for good (NEP 19); its counter is the epoch and the place.

A crop is resized with torch's antialiased bilinear filter on bytes, which agrees with Pillow's within 2 of 255 levels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from podium.augment.crop import Crop
from podium.augment.flip import Flip
from podium.augment.resized_crop import TRIES, ResizedCrop
from podium.augment.warp import fold
from podium.contracts import Augmentation, Batch
from podium.data.arrays import Indices, Lazy
from podium.data.image_inputs import ImageInputs, Pixels, Sides, in_threads

PURPOSE = 0x63726F7073  # "crops": keeps these draws apart from others of the same seed
DRAWS = 2 * TRIES + 4  # area and shape of each try; place down and right; left to right and upside down
KINDS = (ResizedCrop, Crop, Flip)


class Cuts(NamedTuple):
    """What is cut out of pictures and mirrored, a row each: top, left, height, width; columns, rows."""

    box: Indices  # (n, 4); it may reach beyond the picture
    mirrored: npt.NDArray[np.bool_]  # (n, 2)


class Crops:
    """Augmentations that act on whole pictures: a crop of either kind, a flip, or both.

    ``resize`` is what the shorter side of a picture is brought to before it is cut; None: it is cut as it is.

    Raises:
        ValueError: none of them can, or a window is cut from pictures that were not resized.
    """

    def __init__(self, augmentations: Sequence[Augmentation], *, resize: int | None, seed: int) -> None:
        taken: dict[type, Augmentation] = {}
        for augmentation in augmentations:
            kind = type(augmentation)
            if kind not in KINDS or kind in taken or (kind is not Flip and taken.keys() - {Flip}):
                break
            taken[kind] = augmentation
        if not taken:
            first = type(augmentations[0]).__name__ if augmentations else "none"
            raise ValueError(
                "images.crops needs resized_crop, crop or flip as the first of augment, got "
                f"{first}; set augment=[resized_crop,flip], or data.images.crops=null"
            )
        self.count = len(taken)
        self.resize = resize
        self.seed = seed
        self._resized, self._window, self._flip = (taken.get(kind) for kind in KINDS)
        value = self._window.cval if isinstance(self._window, Crop) else 0.0
        self._fill = round(min(max(value, 0), 1) * 255)  # of 0 to 1, as bytes
        if resize is None and self._resized is None:
            raise ValueError(
                "images.crops must be resized where augment has no resized_crop, got original; "
                "set data.images.crops=resized"
            )

    def draw(self, places: Indices, sizes: Sides, *, epoch: int, shape: Sequence[int]) -> Cuts:
        """What is cut of the pictures at these places of the source, which are so wide and high."""
        draws = _uniform(self.seed, epoch, places)
        size = torch.from_numpy(sizes.astype(np.float64))
        width, height = size[:, 0], size[:, 1]
        place, rows, columns = draws[:, -4:-2].T, *shape[-2:]
        if isinstance(self._resized, ResizedCrop):
            box = self._resized.fitted(draws[:, :-4].view(-1, 2, TRIES), place, height, width)
        else:
            padding = self._window.padding if isinstance(self._window, Crop) else 0
            share = place if isinstance(self._window, Crop) else torch.full_like(place, -1)
            top, left = _start(share[0], height, rows, padding), _start(share[1], width, columns, padding)
            box = (top, left, torch.full_like(top, rows), torch.full_like(left, columns))
        chances = (
            [self._flip.horizontal_p, self._flip.vertical_p] if isinstance(self._flip, Flip) else [0.0, 0.0]
        )
        mirrored = draws[:, -2:] < torch.tensor(chances, dtype=torch.float64)
        return Cuts(torch.stack(box, 1).long().numpy(), mirrored.numpy())

    def cut(self, picture: Pixels, box: Sequence[int], mirrored: Sequence[bool], out: Pixels) -> None:
        """Cut one picture (height, width, channels) into ``out`` (channels, height, width)."""
        top, left, high, wide = box
        if (high, wide) != out.shape[1:]:
            scaled = _scaled(picture[top : top + high, left : left + wide], *out.shape[1:])
            axes = [axis for axis, turned in zip((2, 1), mirrored, strict=True) if turned]
            out[...] = (scaled.flip(axes) if axes else scaled).numpy()
            return
        seen = out[:, :, ::-1] if mirrored[0] else out
        seen = seen[:, ::-1] if mirrored[1] else seen
        rows, columns = range(top, top + high), range(left, left + wide)
        if isinstance(self._window, Crop) and self._window.fill_mode != "constant":
            places = [
                fold(torch.tensor(side), size, self._window.fill_mode).numpy()
                for side, size in zip((rows, columns), picture.shape[:2], strict=True)
            ]
            seen[...] = picture[places[0]][:, places[1]].transpose(2, 0, 1)
            return
        inner = picture[max(top, 0) : top + high, max(left, 0) : left + wide]
        if inner.shape[:2] != out.shape[1:]:
            seen[...] = self._fill
        down, right = max(-top, 0), max(-left, 0)
        seen[:, down : down + inner.shape[0], right : right + inner.shape[1]] = inner.transpose(2, 0, 1)


@dataclass(frozen=True)
class Cropped:
    """A training split whose inputs are cut from whole pictures, others in each epoch."""

    lazy: Lazy
    crops: Crops
    epoch: int = 0

    @property
    def index(self) -> Tensor:
        """The places in the source, (n,)."""
        return self.lazy.index

    @property
    def target(self) -> Tensor:
        """The targets of all examples, (n, ...)."""
        return self.lazy.target

    @property
    def ahead(self) -> int:
        """How many batches it pays to read ahead."""
        return self.lazy.ahead

    def __len__(self) -> int:
        """Examples."""
        return len(self.lazy)

    def at(self, epoch: int) -> "Cropped":
        """What an epoch sees."""
        return replace(self, epoch=epoch)

    def batch(self, rows: Tensor | slice) -> Batch:
        """Read and cut the examples of these rows, and show each as a network sees it."""
        cut, count = self._cutter(rows), len(self.index[rows])
        shape = self._inputs.shape[1:]
        values = np.empty((count, *shape), dtype=np.float32)

        def work(number: int) -> None:  # image by image: its values stay in the cache
            pixels = np.empty(shape, dtype=np.uint8)
            cut(number, pixels)
            values[number] = self.lazy.show(pixels[None])[0]

        in_threads(work, count, threads=self._inputs.threads)
        return Batch(torch.from_numpy(values), self.target[rows])

    def pixels(self, rows: Tensor | slice) -> UInt8[Tensor, "n c h w"]:
        """The bytes of these rows, cut."""
        cut, count = self._cutter(rows), len(self.index[rows])
        found = np.empty((count, *self._inputs.shape[1:]), dtype=np.uint8)
        in_threads(lambda number: cut(number, found[number]), count, threads=self._inputs.threads)
        return torch.from_numpy(found)

    def _cutter(self, rows: Tensor | slice) -> Callable[[int, Pixels], None]:
        """A function that reads one of these rows and cuts it into an array."""
        inputs, crops = self._inputs, self.crops
        places = self.index[rows].numpy()
        pictures = inputs.files[places]
        sizes = inputs.pictures.sizes(pictures, resize=crops.resize)
        cuts = crops.draw(places, sizes, epoch=self.epoch, shape=inputs.shape)
        boxes, mirrored, numbers = cuts.box.tolist(), cuts.mirrored.tolist(), pictures.tolist()

        def cut(number: int, out: Pixels) -> None:
            if crops.resize is None:
                whole = inputs.pictures.original(numbers[number], channels=len(out))
            else:
                whole = inputs.pictures.resized(numbers[number], channels=len(out), resize=crops.resize)
            crops.cut(whole, boxes[number], mirrored[number], out)

        return cut

    @property
    def _inputs(self) -> ImageInputs:
        assert isinstance(self.lazy.inputs, ImageInputs)
        return self.lazy.inputs


def _uniform(seed: int, epoch: int, places: Indices) -> Tensor:
    """Draws from 0 to 1 for each place, (n, DRAWS) float64."""
    bits = np.empty((len(places), DRAWS), dtype=np.uint64)
    for row, place in enumerate(places.tolist()):
        bits[row] = np.random.Philox(key=[seed, PURPOSE], counter=[0, 0, epoch, place]).random_raw(DRAWS)
    return torch.from_numpy((bits >> np.uint64(11)) * 2.0**-53)


def _start(share: Tensor, size: Tensor, length: int, padding: int) -> Tensor:
    """Where a window begins: at this share of its room, or, for a negative share, in the middle."""
    anywhere = (share * (size + 2 * padding - length + 1)).floor() - padding
    return torch.where(share < 0, ((size - length) / 2).round(), anywhere)


def _scaled(part: Pixels, height: int, width: int) -> UInt8[Tensor, "c h w"]:
    """A part (h, w, channels) at another size, antialiased: torch's kernel for bytes whose channels lie side by side."""
    own = torch.from_numpy(np.array(part, order="C"))  # a copy: pages of a file are not to be written to
    scaled: Tensor = F.interpolate(
        own.permute(2, 0, 1)[None], (height, width), mode="bilinear", antialias=True, align_corners=False
    )[0]
    return scaled
