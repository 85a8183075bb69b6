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
        for axis in (-2, -1):
            input = self._moved(input, axis)
        return input

    def _moved(self, input: Tensor, axis: int) -> Tensor:
        size = input.shape[axis]
        start = whole(2 * self.padding + 1, like=input) - self.padding
        index = start[:, None] + torch.arange(size, device=input.device)
        form = (len(input), 1, size, 1) if axis == -2 else (len(input), 1, 1, size)
        places = fold(index, size, self.fill_mode).view(form)
        moved = input.gather(axis, places.expand_as(input))
        if self.fill_mode != "constant":
            return moved
        inside = ((index >= 0) & (index < size)).view(form)
        return torch.where(inside, moved, self.cval)
