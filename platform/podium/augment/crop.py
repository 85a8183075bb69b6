"""Random crops of padded images (as in He, Zhang, Ren and Sun 2015, https://arxiv.org/abs/1512.03385, section 4.2).

    the image is padded by ``padding`` on each side, and a window of its own size is cut out at a random place

Follows the paper with 4 pixels of zeros. Each image has a place of its own.
"""

import torch
from torch import Tensor

from podium.augment.draws import whole
from podium.augment.warp import FillMode, check_fill, fold
from podium.contracts import Augmentation


class Crop(Augmentation):
    """Shifts each image by up to ``padding`` whole pixels in both directions; 0 is neutral.

    Raises:
        ValueError: ``padding`` is negative, or the fill is unknown.
    """

    moves = True

    def __init__(self, *, padding: int, fill_mode: FillMode, cval: float) -> None:
        if padding < 0:
            raise ValueError(f"padding must be at least 0, got {padding}; 0 switches it off")
        check_fill(fill_mode, cval)
        self.padding = padding
        self.fill_mode: FillMode = fill_mode
        self.cval = cval

    def __call__(self, input: Tensor) -> Tensor:
        """The windows."""
        if self.padding == 0:
            return input
        height, width = input.shape[-2:]
        rows, columns = self._places(height, like=input), self._places(width, like=input)
        there = fold(rows, height, self.fill_mode)[:, :, None] * width
        there = there + fold(columns, width, self.fill_mode)[:, None, :]
        flat = there.flatten(1)[:, None].expand(-1, input.shape[1], -1)
        found = input.flatten(2).gather(2, flat).view_as(input)
        if self.fill_mode != "constant":
            return found
        inside = _inside(rows, height)[:, :, None] & _inside(columns, width)[:, None, :]
        return torch.where(inside[:, None], found, self.cval)

    def _places(self, size: int, *, like: Tensor) -> Tensor:
        """Where the pixels of each window lie along a side of the image, (batch, size), partly outside."""
        start = whole(2 * self.padding + 1, like=like) - self.padding
        return start[:, None] + torch.arange(size, device=like.device)


def _inside(places: Tensor, size: int) -> Tensor:
    return (places >= 0) & (places < size)
