"""The sixteen operations of AutoAugment and its followers (Cubuk et al. 2018, https://arxiv.org/abs/1805.09501).

Every operation takes images (n, channels, height, width) of 0 to 1 and a magnitude for each, (n,). Definitions are those
of torchvision's version 2, which draws one operation for a whole batch; here each image has its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as tv

from podium.augment.color import brightness, contrast, saturation
from podium.augment.draws import per_image
from podium.augment.warp import FillMode, Interpolation, check_fill, identity, warp

SHEARS = ("shear_x", "shear_y")
TRANSLATIONS = ("translate_x", "translate_y")
ENHANCEMENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": brightness,
    "color": saturation,
    "contrast": contrast,
}
SIGNED = (*SHEARS, *TRANSLATIONS, "rotate", *ENHANCEMENTS, "sharpness")
WHOLE = {"autocontrast": tv.autocontrast, "equalize": tv.equalize, "invert": tv.invert}
# The operations of RandAugment and TrivialAugment; AutoAugment has invert as well.
COMMON = ("identity", *SIGNED, "posterize", "solarize", "autocontrast", "equalize")


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """The largest magnitudes, in the paper's units; translations as a share of the side or, above 1, in pixels."""

    shear: float
    translate: float
    rotate: float
    enhance: float
    posterize: int

    def magnitude(self, name: str, level: Tensor, size: Sequence[int]) -> Tensor:
        """Magnitudes of one operation for levels of 0 to 1 on images of (height, width)."""
        if name in SHEARS:
            return level * self.shear
        if name in TRANSLATIONS:
            side = size[1] if name == "translate_x" else size[0]
            return level * (self.translate if self.translate > 1 else self.translate * side)
        if name == "rotate":
            return level * self.rotate
        if name == "posterize":
            return 8 - (level * self.posterize).round()
        return 1 - level if name == "solarize" else level * self.enhance


PAPER = Strengths(shear=0.3, translate=150 / 331, rotate=30, enhance=0.9, posterize=4)
WIDE = Strengths(shear=0.99, translate=32, rotate=135, enhance=0.99, posterize=6)


@dataclass(frozen=True, kw_only=True)
class Fill:
    """How geometric operations look between pixels and outside of images."""

    interpolation: Interpolation
    fill_mode: FillMode
    cval: float

    def __post_init__(self) -> None:
        if self.interpolation not in ("bilinear", "nearest"):
            raise ValueError(
                f"interpolation must be bilinear or nearest, got {self.interpolation}; choose nearest"
            )
        check_fill(self.fill_mode, self.cval)

    def arguments(self) -> dict[str, Any]:
        """For ``warp``."""
        return {"interpolation": self.interpolation, "fill_mode": self.fill_mode, "cval": self.cval}


def apply_each(
    input: Tensor, names: Sequence[str], chosen: Tensor, level: Tensor, strengths: Strengths, fill: Fill
) -> Tensor:
    """Apply to each image the operation that was chosen for it.

    ``chosen`` holds places in ``names``, -1 for none, and ``level`` 0 to 1 with a sign for operations that go both
    ways; both (batch,) on the CPU. One call for each operation that occurs.
    """
    changed = input.clone()
    for number in sorted(set(chosen.tolist())):
        name = names[number]
        if number < 0 or name == "identity":
            continue
        rows = (chosen == number).nonzero()[:, 0]
        amount = level[rows] if name in SIGNED else level[rows].abs()
        magnitude = strengths.magnitude(name, amount, input.shape[-2:]).to(input.device)
        rows = rows.to(input.device)
        changed[rows] = operate(input[rows], name, magnitude, fill)
    return changed


def operate(input: Tensor, name: str, magnitude: Tensor, fill: Fill) -> Tensor:
    """One operation on images, each with its magnitude; enhancements multiply by 1 + magnitude."""
    if name in (*SHEARS, *TRANSLATIONS, "rotate"):
        return _moved(input, name, magnitude, fill)
    if name in ENHANCEMENTS:
        return ENHANCEMENTS[name](input, 1 + magnitude)
    if name == "sharpness":
        return _sharpened(input, 1 + magnitude)
    if name == "posterize":
        levels = per_image(2**magnitude)
        return torch.minimum((input * levels).floor(), levels - 1) / levels
    if name == "solarize":
        return torch.where(input >= per_image(magnitude), 1 - input, input)
    found: Tensor = WHOLE[name](input)
    return found


def _moved(input: Tensor, name: str, magnitude: Tensor, fill: Fill) -> Tensor:
    matrix, center = identity(input), None
    if name in SHEARS:
        matrix[:, *((1, 0) if name == "shear_x" else (0, 1))] = magnitude
        center = (-0.5, -0.5)  # the corner of the image
    elif name in TRANSLATIONS:
        matrix[:, 1 if name == "translate_x" else 0, 2] = -magnitude.trunc()
    else:
        angle = torch.deg2rad(magnitude)
        matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
        matrix[:, 0, 1], matrix[:, 1, 0] = angle.sin(), -angle.sin()
    return warp(input, matrix, center=center, **fill.arguments())


def _sharpened(input: Tensor, factor: Tensor) -> Tensor:
    """Away from, or for factors below 1 towards, the mean of 3x3 pixels whose middle counts five times; edges stay."""
    channels = input.shape[1]
    if min(input.shape[-2:]) <= 2:
        return input
    kernel = torch.ones(3, 3, device=input.device, dtype=input.dtype)
    kernel[1, 1] = 5
    smooth = input.clone()
    weight = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth[..., 1:-1, 1:-1] = F.conv2d(input, weight, groups=channels)
    return (smooth + per_image(factor) * (input - smooth)).clamp(0, 1)
