"""Colour jitter (as in Howard 2013, https://arxiv.org/abs/1312.5402, with hue as in torchvision).

    brightness: x <- f x;   contrast: x <- f x + (1 - f) mean of the grey image;   saturation: x <- f x + (1 - f) grey image
    f ~ U(max(0, 1 - strength), 1 + strength);   hue: turned by U(-strength, strength) of a full circle

Differs from the paper: factors have wider ranges and there is hue, as in torchvision. Every image has factors
and an order of the four of its own.
"""

import torch
from torch import Tensor

from podium.augment.color import brightness, contrast, hue, saturation
from podium.augment.draws import check_range
from podium.contracts import Augmentation


class ColorJitter(Augmentation):
    """Changes brightness, contrast, saturation and hue of each image; a strength of 0 leaves one out, all 0 is neutral.

    Raises:
        ValueError: a strength is negative, or ``hue`` above one half.
    """

    moves = False
    bounded = True

    def __init__(self, *, brightness: float, contrast: float, saturation: float, hue: float) -> None:
        check_range("brightness", brightness)
        check_range("contrast", contrast)
        check_range("saturation", saturation)
        check_range("hue", hue, most=0.5)
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue

    def __call__(self, input: Tensor) -> Tensor:
        """The images, each with its own colours."""
        changes = [
            (change, low, high)
            for change, low, high in (
                (brightness, max(0.0, 1 - self.brightness), 1 + self.brightness),
                (contrast, max(0.0, 1 - self.contrast), 1 + self.contrast),
                (saturation, max(0.0, 1 - self.saturation), 1 + self.saturation),
                (hue, -self.hue, self.hue),
            )
            if low < high
        ]
        if not changes:
            return input
        count = len(input)
        order = torch.rand(count, len(changes)).argsort(1)
        amounts = torch.rand(count, len(changes))
        changed = input.clone()
        for step in range(len(changes)):
            for k, (change, low, high) in enumerate(changes):
                rows = (order[:, step] == k).nonzero()[:, 0]
                amount = (low + (high - low) * amounts[rows, k]).to(input.device)
                rows = rows.to(input.device)
                changed[rows] = change(changed[rows], amount)
        return changed
