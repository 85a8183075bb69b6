"""A restricted Boltzmann machine, and the deep belief net that a stack of them is: Hinton 2002,
https://doi.org/10.1162/089976602760128018; Hinton, Osindero and Teh 2006, A fast learning algorithm for deep belief nets,
https://doi.org/10.1162/neco.2006.18.7.1527.

Differs from the papers: what it gives is the reconstruction by probabilities, up through all machines and down again, in
place of a sample; no label takes part in the last machine.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.boltzmann import Machine
from podium.layers.shapes import check_positive


class DeepBelief(nn.Module):
    """Machines with so many hidden units each; one of them is a restricted Boltzmann machine.

    Raises:
        ValueError: there is none, or a width is not positive.
    """

    def __init__(self, *, in_shape: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        check_positive("widths", widths or [0], remedy="set network.widths=[500]")
        sizes = [math.prod(in_shape), *widths]
        self.flatten = nn.Flatten()
        self.layers = nn.ModuleList(nn.Linear(below, above) for below, above in pairwise(sizes))
        self.visible_biases = nn.ParameterList(torch.zeros(size) for size in sizes[:-1])
        self.unflatten = nn.Unflatten(1, tuple(in_shape))

    def machines(self) -> list[Machine]:
        """The stack, from the sample up."""
        layers = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        return [
            Machine(layer.weight, layer.bias, bias, mirror=None, linear=False)
            for layer, bias in zip(layers, self.visible_biases, strict=True)
        ]

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """The samples as the hidden units remember them."""
        values, machines = self.flatten(input), self.machines()
        for layer in self.layers:  # called as modules, so that what looks at layers sees them
            values = layer(values).sigmoid()
        for machine in reversed(machines):
            values = machine.down(values)
        reconstruction: Tensor = self.unflatten(values)
        return reconstruction
