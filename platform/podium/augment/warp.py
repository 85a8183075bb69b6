"""Images looked up at other places: what every geometric augmentation shares.

Places are rows and columns in pixels, (0, 0) the centre of the first pixel. What lies outside an image is filled up:

    nearest   a a a | a b c d | d d d
    constant  k k k | a b c d | k k k     (between the last pixel and k, values go from the one to the other)
    reflect   c b a | a b c d | d c b
    wrap      b c d | a b c d | a b c

which scipy.ndimage calls nearest, grid-constant, reflect and grid-wrap.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

FillMode = Literal["nearest", "constant", "reflect", "wrap"]
Interpolation = Literal["bilinear", "nearest"]
FILL_MODES = ("nearest", "constant", "reflect", "wrap")
_PADDING = {"nearest": "border", "constant": "zeros", "reflect": "reflection", "wrap": "border"}


def check_fill(fill_mode: str, cval: float) -> None:
    """Check what is put outside of images.

    Raises:
        ValueError: an unknown mode, or a value that is no number.
    """
    if fill_mode not in FILL_MODES:
        raise ValueError(f"fill_mode must be one of {', '.join(FILL_MODES)}, got {fill_mode}; choose nearest")
    if not abs(cval) < float("inf"):
        raise ValueError(f"cval must be finite, got {cval}; 0 is black")


def identity(like: Tensor) -> Tensor:
    """The map that leaves each image of ``like`` as it is, (batch, 3, 3), on (row, column, 1)."""
    return torch.eye(3, device=like.device).repeat(len(like), 1, 1)


def warp(
    input: Tensor,
    matrix: Tensor,
    *,
    center: tuple[float, float] | None = None,
    fill_mode: FillMode,
    cval: float,
    interpolation: Interpolation = "bilinear",
) -> Tensor:
    """Images (batch, channels, height, width) under maps (batch, 3, 3) from a place of the result to one of the image.

    Places are counted from ``center``, the middle of the image if it is None.
    """
    height, width = input.shape[-2:]
    row, column = center or ((height - 1) / 2, (width - 1) / 2)
    down = torch.arange(height, device=input.device, dtype=input.dtype) - row
    right = torch.arange(width, device=input.device, dtype=input.dtype) - column

    def place(k: int) -> Tensor:
        a, b, c = (matrix[:, k, j, None, None] for j in range(3))
        return a * down[:, None] + b * right + c

    return look_up(
        input,
        place(0) + row,
        place(1) + column,
        fill_mode=fill_mode,
        cval=cval,
        interpolation=interpolation,
    )


def look_up(
    input: Tensor,
    rows: Tensor,
    columns: Tensor,
    *,
    fill_mode: FillMode,
    cval: float,
    interpolation: Interpolation = "bilinear",
) -> Tensor:
    """The values of images (batch, channels, h, w) at places (batch, height, width): (batch, channels, height, width)."""
    height, width = input.shape[-2:]
    if fill_mode == "wrap":
        input = F.pad(input, (0, 1, 0, 1), mode="circular")  # so that the last pixel's neighbour is the first
        if interpolation == "nearest":
            rows, columns = rows.round(), columns.round()
        rows, columns = rows.remainder(height), columns.remainder(width)
        height, width = height + 1, width + 1
    if fill_mode == "constant" and cval != 0:
        input = input - cval
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=-1)
    found = F.grid_sample(
        input, grid, mode=interpolation, padding_mode=_PADDING[fill_mode], align_corners=False
    )
    return found + cval if fill_mode == "constant" and cval != 0 else found


def fold(index: Tensor, size: int, fill_mode: FillMode) -> Tensor:
    """Whole places along an axis, brought into 0 to ``size`` - 1 as the mode says; for constant as for nearest."""
    if fill_mode == "wrap":
        return index.remainder(size)
    if fill_mode == "reflect":
        index = index.remainder(2 * size)
        return torch.where(index < size, index, 2 * size - 1 - index)
    return index.clamp(0, size - 1)
