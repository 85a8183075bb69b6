"""Initialisers of weights: one for a whole network, with exceptions by layer; biases become zero.

Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html; He et al. 2015,
https://arxiv.org/abs/1502.01852; LeCun et al. 1998, Efficient BackProp; Saxe et al. 2014,
https://arxiv.org/abs/1312.6120. Differs from the papers: he_normal, glorot_normal and lecun_normal draw
from a normal distribution truncated at two of its standard deviations, whose standard deviation is first
divided by 0.8796 so that it has the paper's variance after the truncation. Keras does the same for these
three.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import Tensor, nn

from podium.layers.recurrent import RecurrentLayer
from podium.layers.surgery import is_activation, named_originals
from podium.layers.table import Table

Gain = float | Literal["activation"]
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, *_TRANSPOSED)
_WEIGHT_LAYERS = (nn.Linear, *_CONVOLUTIONS)
WeightLayer = (
    nn.Linear
    | nn.Conv1d
    | nn.Conv2d
    | nn.Conv3d
    | nn.ConvTranspose1d
    | nn.ConvTranspose2d
    | nn.ConvTranspose3d
    | Table
)
_TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal truncated to [-2, 2]


def gain_of(activation: nn.Module | None) -> float:
    """The factor that keeps the spread of the values through a layer and the activation behind it.

    None stands for a layer, linear or convolution, without an activation: 1. Sigmoid 1, tanh 5/3, relu
    sqrt(2), leaky relu (and prelu, at its mean slope) sqrt(2 / (1 + slope^2)).

    Raises:
        ValueError: no gain is known for this activation.
    """
    match activation:
        case None | nn.Identity() | nn.Sigmoid():
            return 1.0
        case nn.Tanh():
            return 5 / 3
        case nn.ReLU():
            return math.sqrt(2)
        case nn.LeakyReLU():
            return math.sqrt(2 / (1 + activation.negative_slope**2))
        case nn.PReLU():
            return math.sqrt(2 / (1 + float(activation.weight.detach().mean()) ** 2))
    raise ValueError(
        "gain=activation requires sigmoid, tanh, relu, leaky relu or prelu, "
        f"got {type(activation).__name__}; set a number, such as initializer.gain=1.0"
    )


def fans(layer: nn.Module) -> tuple[float, float]:
    """How many inputs an output unit sees, and how many outputs an input unit reaches through a window without stride.

    Groups see and reach their own channels only: a depthwise 3x3 convolution has fans of 9 and 9. A transposed
    convolution of stride s shows an output unit one of s input units along each axis, so that its window shrinks so.
    """
    if isinstance(layer, nn.Linear):
        return float(layer.in_features), float(layer.out_features)
    if isinstance(layer, Table):
        return float(layer.embedding_dim), float(layer.embedding_dim)
    assert isinstance(layer, _CONVOLUTIONS)
    window = math.prod(layer.kernel_size) / layer.groups
    if isinstance(layer, _TRANSPOSED):
        window /= math.prod(layer.stride)
    return layer.in_channels * window, layer.out_channels * window


class Initializer(ABC):
    """Fills the weights of linear and convolutional layers, every matrix of recurrent ones, and tables; others stay.

    ``exceptions`` maps a pattern of layer names (``output``, ``stage1.*``) to the initialiser that is used
    there; the first pattern that matches wins. Draws from torch's global generator.

    An initialiser may look at data: it then says by ``examples`` how many training inputs ``adjust`` wants, which is
    called behind ``apply``.

    Raises:
        ValueError: an exception is no initialiser, has exceptions of its own, or looks at data.
    """

    examples: int = 0

    # A configuration is checked while exceptions are still plain mappings, hence Any.
    def __init__(self, *, exceptions: Mapping[str, Any]) -> None:
        for pattern, other in exceptions.items():
            if not isinstance(other, Initializer) or other.exceptions:
                raise ValueError(
                    f"exceptions.{pattern} must be an initializer without exceptions, got {other!r}; "
                    "take a file of conf/initializer"
                )
            if other.examples:
                raise ValueError(
                    f"exceptions.{pattern} must be an initializer that needs no data, got {type(other).__name__}; "
                    "choose it for the whole network, with exceptions of other kinds"
                )
        self.exceptions: dict[str, Initializer] = dict(exceptions)

    def apply(self, network: nn.Module) -> None:
        """Initialise a network in place.

        Raises:
            ValueError: the network has no weight layer, or an exception matches none.
        """
        layers = weight_layers(network)
        layers |= {
            name: (table, None) for name, table in named_originals(network) if isinstance(table, Table)
        }
        recurrent = [
            (name, module) for name, module in network.named_modules() if isinstance(module, RecurrentLayer)
        ]
        layers |= {f"{name}.{part}": (w, squash) for name, m in recurrent for part, w, squash in m.matrices()}
        if not layers:
            raise ValueError(
                "an initializer requires linear or convolutional layers or tables, "
                f"got {type(network).__name__} without one; choose another network"
            )
        for pattern in self.exceptions:
            if not any(fnmatchcase(name, pattern) for name in layers):
                raise ValueError(
                    f"exceptions.{pattern} must match a layer, got none; the layers are {', '.join(layers)}"
                )
        for name, (layer, activation) in layers.items():
            (matching(self.exceptions, name) or self).initialize(layer, activation)
        for _, module in recurrent:
            module.start_biases()

    def adjust(self, network: nn.Module, inputs: Tensor) -> None:
        """Change the weights, once applied, by what the network does with these training inputs."""
        raise TypeError(f"{type(self).__name__} looks at no data")  # never called: examples is 0

    @torch.no_grad()
    def initialize(self, layer: nn.Module, activation: nn.Module | None) -> None:
        """Initialise one layer, which has this activation behind it."""
        assert isinstance(layer, (*_WEIGHT_LAYERS, Table))
        self.fill(layer, activation)
        if not isinstance(layer, Table) and layer.bias is not None:
            layer.bias.zero_()

    @abstractmethod
    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Overwrite the weights of one layer."""


def matching(exceptions: Mapping[str, Initializer], name: str) -> Initializer | None:
    """The exception for a layer of this name: the first whose pattern matches."""
    return next((other for pattern, other in exceptions.items() if fnmatchcase(name, pattern)), None)


def weight_layers(network: nn.Module) -> dict[str, tuple[WeightLayer, nn.Module | None]]:
    """The layers with weights by name, each with the activation behind it or None.

    Behind is taken by the order of construction: the first activation module before the next weight layer. What a trick
    has inserted is left out.
    """
    layers: dict[str, tuple[WeightLayer, nn.Module | None]] = {}
    last = ""
    for name, module in named_originals(network):
        if isinstance(module, _WEIGHT_LAYERS):
            layers[name] = (module, None)
            last = name
        elif is_activation(module) and last in layers and layers[last][1] is None:
            layers[last] = (layers[last][0], module)
    return layers


class TorchDefault(Initializer):
    """Weights and biases stay as torch constructed them."""

    def initialize(self, layer: nn.Module, activation: nn.Module | None) -> None:
        """Nothing."""

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Nothing."""


class Zeros(Initializer):
    """All weights zero: units stay equal to each other, a known mistake kept for comparison."""

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Zeros."""
        layer.weight.zero_()


class Constant(Initializer):
    """All weights one ``value``: units stay equal to each other, a known mistake kept for comparison."""

    def __init__(self, *, value: float, exceptions: Mapping[str, Any]) -> None:
        super().__init__(exceptions=exceptions)
        self.value = value

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """The value."""
        layer.weight.fill_(self.value)


class SmallNormal(Initializer):
    """Normal with one standard deviation for all layers, whatever their size."""

    def __init__(self, *, stddev: float, exceptions: Mapping[str, Any]) -> None:
        super().__init__(exceptions=exceptions)
        self.stddev = _positive("stddev", stddev)

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Draw from N(0, stddev^2)."""
        layer.weight.normal_(0, self.stddev)


class SmallUniform(Initializer):
    """Uniform between -limit and limit for all layers, whatever their size."""

    def __init__(self, *, limit: float, exceptions: Mapping[str, Any]) -> None:
        super().__init__(exceptions=exceptions)
        self.limit = _positive("limit", limit)

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Draw from U(-limit, limit)."""
        layer.weight.uniform_(-self.limit, self.limit)


class VarianceScaling(Initializer):
    """Weights of variance gain^2 / fan, where fan is the layer's number of inputs or its average of both.

    lecun: fan in, gain 1. he: fan in, gain sqrt(2). glorot: fan average, gain 1. The limit of the uniform
    distribution is sqrt(3) standard deviations, for glorot sqrt(6 / (fan_in + fan_out)).
    """

    def __init__(
        self,
        *,
        fan: Literal["in", "average"],
        distribution: Literal["uniform", "truncated_normal"],
        gain: Gain,
        exceptions: Mapping[str, Any],
    ) -> None:
        super().__init__(exceptions=exceptions)
        self.fan = fan
        self.distribution = distribution
        self.gain = _checked_gain(gain)

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Draw with this variance."""
        fan_in, fan_out = fans(layer)
        fan = fan_in if self.fan == "in" else (fan_in + fan_out) / 2
        stddev = _gain_for(self.gain, activation) / math.sqrt(fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            layer.weight.uniform_(-limit, limit)
        else:
            before = stddev / _TRUNCATED_STDDEV
            nn.init.trunc_normal_(layer.weight, std=before, a=-2 * before, b=2 * before)


class Orthogonal(Initializer):
    """A random orthogonal matrix times the gain; the kernels of each group of a convolution are the rows of a matrix."""

    def __init__(self, *, gain: Gain, exceptions: Mapping[str, Any]) -> None:
        super().__init__(exceptions=exceptions)
        self.gain = _checked_gain(gain)

    def fill(self, layer: WeightLayer, activation: nn.Module | None) -> None:
        """Draw rows (or columns, the fewer) that are orthogonal and of length gain."""
        groups = 1 if isinstance(layer, nn.Linear | Table) else layer.groups
        for kernels in layer.weight.chunk(groups):
            nn.init.orthogonal_(kernels, gain=_gain_for(self.gain, activation))


def _checked_gain(gain: Gain) -> Gain:
    return gain if isinstance(gain, str) else _positive("gain", gain)


def _gain_for(gain: Gain, activation: nn.Module | None) -> float:
    return gain_of(activation) if isinstance(gain, str) else gain


def _positive(name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}; use initializer=zeros for none")
    return value
