"""Dense layers with a skip around each inner one: the multi-layer perceptron of MNIST-1D.

Greydanus and Kobak 2024 (first 2020), Scaling down deep learning with MNIST-1D, https://arxiv.org/abs/2011.14439.
Follows the paper's code: two layers of 100 rectified units, the second's values added to the first's; 15,210
parameters for signals of length 40.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.merge import Residual
from podium.layers.shapes import check_positive
from podium.layers.stages import NormPlace, stage


class ResidualDense(nn.Module):
    """``layers`` dense layers of ``units`` each; from the second on, each adds its activations to what it was given.

    Raises:
        ValueError: layers or units are not positive.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        units: int,
        layers: int,
        activation: ActivationName,
        norm: NormPlace,
    ) -> None:
        super().__init__()
        check_positive("units", [units], remedy="set network.units=100")
        check_positive("layers", [layers], remedy="set network.layers=2")
        self.flatten = nn.Flatten()
        first = stage("dense", nn.Linear(math.prod(in_shape), units), activation=activation, norm=norm)
        self.first = nn.Sequential(OrderedDict(first))
        self.inner = nn.Sequential(*(Skip(units, activation, norm) for _ in range(layers - 1)))
        self.output = nn.Linear(units, num_classes)

    def forward(self, input: Float[Tensor, "batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.inner(self.first(self.flatten(input))))
        return logits


class Skip(nn.Module):
    """A dense layer, its activation and a skip around both."""

    def __init__(self, units: int, activation: ActivationName, norm: NormPlace) -> None:
        super().__init__()
        layer = stage("dense", nn.Linear(units, units), activation=activation, norm=norm)
        self.path = nn.Sequential(OrderedDict(layer))
        self.merge = Residual()

    def forward(self, input: Float[Tensor, "batch units"]) -> Float[Tensor, "batch units"]:
        """Hidden values."""
        result: Tensor = self.merge(self.path(input), input)
        return result
