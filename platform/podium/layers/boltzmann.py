"""Restricted Boltzmann machines (Hinton 2002, Training products of experts by minimizing contrastive divergence,
https://doi.org/10.1162/089976602760128018; Hinton 2010, A practical guide to training restricted Boltzmann machines).

Follows the papers: visible units are binary, or probabilities of being on; hidden units are binary, or linear with noise of
deviation 1.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Machine:
    """One machine as the parameters of a network that holds it; ``weight`` is (hidden, visible).

    ``mirror``, where there is one, is a decoder's weight, (visible, hidden), that is to stay its transposed as long as the
    machine learns.
    """

    weight: Tensor
    hidden_bias: Tensor
    visible_bias: Tensor
    mirror: Tensor | None
    linear: bool

    def up(self, visible: Float[Tensor, "batch visible"]) -> Float[Tensor, "batch hidden"]:
        """The means of hidden units."""
        sums = F.linear(visible, self.weight, self.hidden_bias)
        return sums if self.linear else sums.sigmoid()

    def down(self, hidden: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch visible"]:
        """The probabilities of visible units."""
        return F.linear(hidden, self.weight.T, self.visible_bias).sigmoid()

    def draw(self, mean: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch hidden"]:
        """States of hidden units with these means."""
        return mean + torch.randn_like(mean) if self.linear else torch.bernoulli(mean)

    def free_energy(self, visible: Float[Tensor, "batch visible"]) -> Float[Tensor, " batch"]:
        """-log of the sum over hidden states of exp(-energy), up to what all samples share."""
        sums = F.linear(visible, self.weight, self.hidden_bias)
        hidden = sums.square() / 2 if self.linear else F.softplus(sums)
        return -(visible @ self.visible_bias) - hidden.sum(1)


@runtime_checkable
class Stack(Protocol):
    """A network of machines, the visible units of each being the hidden ones of the machine before it."""

    def machines(self) -> list[Machine]:
        """From the first, whose visible units are the sample, to the code."""
