"""TrivialAugment, wide (Müller and Hutter 2021, https://arxiv.org/abs/2103.10158).

    one operation, uniform among fourteen, at a level that is uniform among num_magnitude_bins of its range

Follows the paper. Every image has an operation and a level of its own.
"""

import torch
from torch import Tensor

from podium.augment.operations import COMMON, WIDE, Fill, apply_each
from podium.augment.warp import FillMode, Interpolation
from podium.contracts import Augmentation


class TrivialAugment(Augmentation):
    """Applies one random operation at a random strength to each image.

    Raises:
        ValueError: fewer than two levels, or an unknown fill.
    """

    moves = True
    bounded = True

    def __init__(
        self, *, num_magnitude_bins: int, interpolation: Interpolation, fill_mode: FillMode, cval: float
    ) -> None:
        if num_magnitude_bins < 2:
            raise ValueError(f"num_magnitude_bins must be at least 2, got {num_magnitude_bins}; set 31")
        self.num_magnitude_bins = num_magnitude_bins
        self.fill = Fill(interpolation=interpolation, fill_mode=fill_mode, cval=cval)

    def __call__(self, input: Tensor) -> Tensor:
        """The images after their operations."""
        count = len(input)
        chosen = torch.randint(len(COMMON), (count,))
        level = torch.randint(self.num_magnitude_bins, (count,)) / (self.num_magnitude_bins - 1)
        signed = level * (2.0 * torch.randint(2, (count,)) - 1)
        return apply_each(input, COMMON, chosen, signed, WIDE, self.fill)
