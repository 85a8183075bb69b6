"""Autoencoders: fully connected networks that give back what they are given, through a narrower or noisier code.

Rumelhart, Hinton and Williams 1986, https://doi.org/10.1038/323533a0; the deep one: Hinton and Salakhutdinov 2006,
Reducing the dimensionality of data with neural networks, https://doi.org/10.1126/science.1127647; hidden dropout: Srivastava
et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, figure 7. Follows the papers.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.boltzmann import Machine
from podium.layers.shapes import check_dropout, check_positive
from podium.layers.stages import Named

OptionalActivation = ActivationName | Literal["none"]


class Autoencoder(nn.Module):
    """An encoder of the given ``widths``, the last of which is the code, and a decoder that mirrors it.

    Every layer is linear with its activation, that of the code and that of the output being chosen apart; ``dropout``
    drops hidden values, the code's included.

    Raises:
        ValueError: a width is not positive, or dropout is outside [0, 1).
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        widths: Sequence[int],
        activation: ActivationName,
        code_activation: OptionalActivation,
        output_activation: OptionalActivation,
        dropout: float,
    ) -> None:
        super().__init__()
        check_positive("widths", widths or [0], remedy="set network.widths=[256]")
        check_dropout(dropout)
        sizes = [math.prod(in_shape), *widths]
        names = [activation] * (len(widths) - 1)
        into = _layers("encode", sizes, [*names, code_activation], dropout)
        out_of = _layers("decode", sizes[:0:-1], names, dropout)
        self.encoder = nn.Sequential(OrderedDict([("flatten", nn.Flatten()), *into]))
        self.decoder = nn.Sequential(OrderedDict(out_of))
        self.output = nn.Linear(sizes[1], sizes[0])
        self.output_activation = _activation(output_activation)
        self.unflatten = nn.Unflatten(1, tuple(in_shape))
        self.sigmoid = {activation, output_activation} == {"sigmoid"}
        self.code_activation = code_activation

    def machines(self) -> list[Machine]:
        """The restricted Boltzmann machines that it is when it is rolled up again: a layer of the encoder each.

        Raises:
            ValueError: its units are no sigmoids, or its code is neither that nor linear.
        """
        if not self.sigmoid or self.code_activation not in ("sigmoid", "none"):
            raise ValueError(
                "a network of Boltzmann machines must have sigmoid units with a sigmoid or linear code, got "
                "others; set network.activation=sigmoid network.output_activation=sigmoid network.code_activation=none"
            )
        into = [module for module in self.encoder if isinstance(module, nn.Linear)]
        out_of = [self.output, *(module for module in self.decoder if isinstance(module, nn.Linear))]
        back = [
            out_of[0],
            *out_of[:0:-1],
        ]  # the output layer mirrors the first layer, the decoder's first the last
        linear = [False] * (len(into) - 1) + [self.code_activation == "none"]
        return [
            Machine(up.weight, up.bias, down.bias, mirror=down.weight, linear=last)
            for up, down, last in zip(into, back, linear, strict=True)
        ]

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch *shape"]:
        """The samples as they come out of the code."""
        values = self.output(self.decoder(self.encoder(input)))
        reconstruction: Tensor = self.unflatten(self.output_activation(values))
        return reconstruction


def _layers(name: str, sizes: Sequence[int], activations: Sequence[OptionalActivation], p: float) -> Named:
    modules: Named = []
    for k, ((fan_in, fan_out), activation) in enumerate(
        zip(pairwise(sizes), activations, strict=True), start=1
    ):
        modules.append((f"{name}{k}", nn.Linear(fan_in, fan_out)))
        if activation != "none":
            modules.append((f"{name}{k}_activation", make_activation(activation)))
        if p > 0:
            modules.append((f"{name}{k}_dropout", nn.Dropout(p)))
    return modules


def _activation(name: OptionalActivation) -> nn.Module:
    return nn.Identity() if name == "none" else make_activation(name)
