"""Adaline, the adaptive linear neuron, and Madaline, many of them (Widrow and Hoff 1960, Adaptive switching circuits,
https://doi.org/10.21236/ad0241531; Widrow and Lehr 1990, https://doi.org/10.1109/5.58323).

Follows the papers. The output is what is in front of the last threshold, which is the learning rule's.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Adaline(nn.Module):
    """Linear sums of the inputs: one for two classes, one a class for more."""

    def __init__(self, *, in_shape: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.output = nn.Linear(math.prod(in_shape), _units(num_classes))

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch units"]:
        """The sums."""
        sums: Tensor = self.output(self.flatten(input))
        return sums


class Madaline(nn.Module):
    """Units each of which is the majority of ``adalines``, an odd number of them.

    Raises:
        ValueError: the number is even or below one, so that a vote could be tied.
    """

    def __init__(self, *, in_shape: Sequence[int], num_classes: int, adalines: int) -> None:
        super().__init__()
        if adalines < 1 or adalines % 2 == 0:
            raise ValueError(f"adalines must be odd, got {adalines}; set network.adalines=5")
        units = _units(num_classes)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(math.prod(in_shape), units * adalines)
        self.vote = Majority(units)

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch units"]:
        """The vote of each unit."""
        votes: Tensor = self.vote(self.output(self.flatten(input)))
        return votes


class Majority(nn.Module):
    """The mean sign of each unit's sums; the sums themselves decide between units of the same vote."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units

    def forward(self, sums: Float[Tensor, "batch sums"]) -> Float[Tensor, "batch units"]:
        """From -1 to 1, with the sign of the majority: what is added is less than half of one Adaline's vote."""
        each = sums.reshape(len(sums), self.units, -1)
        majority: Tensor = torch.where(each > 0, 1.0, -1.0).to(sums.dtype).mean(2)
        return majority + each.mean(2).tanh() / (2 * each.shape[2])


def _units(num_classes: int) -> int:
    return 1 if num_classes == 2 else num_classes
