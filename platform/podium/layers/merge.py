"""Merging branches: add, subtract, multiply, average, maximum, concatenate, dot.

A merge is a module of its own, so that summaries list it, counts of layers see it, and tricks can work behind it.
The seven are those of Keras' merging layers, https://keras.io/api/layers/merging_layers/.
"""

from functools import reduce
from typing import Literal

import torch
from torch import Tensor, nn

MergeName = Literal["add", "subtract", "multiply", "average", "maximum", "concatenate", "dot"]


def make_merge(name: MergeName) -> nn.Module:
    """A new merging module, called with one tensor (batch, features, ...) a branch.

    Branches have one shape; only concatenation lets features differ. Subtraction takes two branches, and so does the
    dot product over features, which leaves one feature.
    """
    match name:
        case "add":
            return Add()
        case "subtract":
            return Subtract()
        case "multiply":
            return Multiply()
        case "average":
            return Average()
        case "maximum":
            return Maximum()
        case "concatenate":
            return Concatenate()
        case "dot":
            return Dot()


class Add(nn.Module):
    """The sum of all branches, element by element."""

    def forward(self, *branches: Tensor) -> Tensor:
        """Shape of each branch."""
        return reduce(torch.add, branches)


class Residual(Add):
    """The sum of a branch and the shortcut around it, called in this order: what tricks know residual blocks by."""


class Subtract(nn.Module):
    """The first branch less the second."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Shape of each branch."""
        return first - second


class Multiply(nn.Module):
    """The product of all branches, element by element."""

    def forward(self, *branches: Tensor) -> Tensor:
        """Shape of each branch."""
        return reduce(torch.mul, branches)


class Average(nn.Module):
    """The mean of all branches, element by element."""

    def forward(self, *branches: Tensor) -> Tensor:
        """Shape of each branch."""
        return reduce(torch.add, branches) / len(branches)


class Maximum(nn.Module):
    """The largest of all branches, element by element."""

    def forward(self, *branches: Tensor) -> Tensor:
        """Shape of each branch."""
        return reduce(torch.maximum, branches)


class Concatenate(nn.Module):
    """All branches one after the other along the features."""

    def forward(self, *branches: Tensor) -> Tensor:
        """(batch, sum of features, ...)."""
        return torch.cat(branches, dim=1)


class Dot(nn.Module):
    """The dot product of two branches over their features."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(batch, 1, ...)."""
        return (first * second).sum(dim=1, keepdim=True)
