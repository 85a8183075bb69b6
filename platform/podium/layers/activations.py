"""Activation functions by name: each call makes a module, so that tricks can work behind every single one."""

from typing import Literal

from torch import nn

ActivationName = Literal["relu", "leaky_relu", "prelu", "sigmoid", "tanh"]


def make_activation(name: ActivationName) -> nn.Module:
    """A new activation module; slopes are those of the papers: leaky relu 0.01, prelu 0.25 to begin with."""
    match name:
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(negative_slope=0.01)
        case "prelu":
            return nn.PReLU(init=0.25)
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
