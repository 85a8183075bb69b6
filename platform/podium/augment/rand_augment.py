"""RandAugment (Cubuk, Zoph, Shlens and Le 2019, https://arxiv.org/abs/1909.13719).

    num_ops times: an operation, uniform among fourteen, at the fixed level magnitude / (num_magnitude_bins - 1) of its range

Follows the paper in the form of torchvision, where operations that go both ways do so with equal chance. Every image
has operations of its own.
"""

import torch
from torch import Tensor

from podium.augment.operations import COMMON, PAPER, Fill, apply_each
from podium.augment.warp import FillMode, Interpolation
from podium.contracts import Augmentation


class RandAugment(Augmentation):
    """Applies ``num_ops`` random operations at one strength to each image; 0 operations are neutral.

    Raises:
        ValueError: a value is out of its range.
    """

    moves = True
    bounded = True

    def __init__(
        self,
        *,
        num_ops: int,
        magnitude: int,
        num_magnitude_bins: int,
        interpolation: Interpolation,
        fill_mode: FillMode,
        cval: float,
    ) -> None:
        if num_ops < 0:
            raise ValueError(f"num_ops must be at least 0, got {num_ops}; 0 switches it off")
        if not 0 <= magnitude < num_magnitude_bins or num_magnitude_bins < 2:
            raise ValueError(
                f"magnitude must be from 0 to {num_magnitude_bins - 1}, below num_magnitude_bins, got {magnitude}; set 9"
            )
        self.num_ops = num_ops
        self.level = magnitude / (num_magnitude_bins - 1)
        self.fill = Fill(interpolation=interpolation, fill_mode=fill_mode, cval=cval)

    def __call__(self, input: Tensor) -> Tensor:
        """The images after their operations."""
        for _ in range(self.num_ops):
            chosen = torch.randint(len(COMMON), (len(input),))
            level = self.level * (2.0 * torch.randint(2, (len(input),)) - 1)
            input = apply_each(input, COMMON, chosen, level, PAPER, self.fill)
        return input
