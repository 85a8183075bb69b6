"""The perceptron (Rosenblatt 1958, The perceptron, https://doi.org/10.1037/h0042519), and the machine Mark I.

Differs from the paper: response units do not inhibit each other, and association units are on or off for a sample, so that
there is no time in it. The sum is what a unit gives; its threshold, zero, is the learning rule's.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Perceptron(nn.Module):
    """Threshold units on the inputs themselves, or on ``associations`` units wired to them at random.

    An association unit sees at most ``connections`` inputs, each by a wire of 1 or -1, and is on where their sum is above
    zero; the wiring is never trained. Two classes have one response unit, more classes one each.

    Raises:
        ValueError: ``associations`` is negative, or there are some without ``connections``.
    """

    def __init__(
        self, *, in_shape: Sequence[int], num_classes: int, associations: int, connections: int
    ) -> None:
        super().__init__()
        if associations < 0 or (associations > 0 and connections < 1):
            raise ValueError(
                "associations must be 0 or more with connections of 1 or more, got "
                f"{associations} and {connections}; set network.associations=512 network.connections=40"
            )
        num_inputs = math.prod(in_shape)
        self.flatten = nn.Flatten()
        self.association = Wiring(num_inputs, associations, connections) if associations else nn.Identity()
        self.output = nn.Linear(associations or num_inputs, 1 if num_classes == 2 else num_classes)

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch units"]:
        """The sum of each response unit."""
        sums: Tensor = self.output(self.association(self.flatten(input)))
        return sums


class Wiring(nn.Module):
    """Units that are on where a few inputs, drawn once, sum up to more than zero."""

    wires: Tensor

    def __init__(self, num_inputs: int, units: int, connections: int) -> None:
        super().__init__()
        near = torch.rand(units, num_inputs).argsort(1) < connections
        signs = torch.randint(2, (units, num_inputs)) * 2.0 - 1
        self.register_buffer("wires", torch.where(near, signs, 0.0))

    def forward(self, input: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch units"]:
        """1 where a unit is on, else 0."""
        return (input @ self.wires.T > 0).to(input.dtype)
