"""Wide residual networks for CIFAR and SVHN.

Zagoruyko and Komodakis 2016, Wide residual networks, https://arxiv.org/abs/1605.07146. Follows the paper: blocks B(3,3)
in the order normalisation, activation, convolution (He et al. 2016, https://arxiv.org/abs/1603.05027), three stages of
16k, 32k and 64k filters behind a convolution of 16, dropout between the two convolutions of a block, and, as in the
authors' code, projections of the activated input where the number of filters changes. Parameters by depth and k in
millions: 40-1 0.6, 40-2 2.2, 40-4 8.9, 40-8 35.7, 28-10 36.5, 28-12 52.5, 22-8 17.2, 22-10 26.8, 16-8 11.0, 16-10 17.1.

Of these, 40-4 has the 179 parameters for each of the 50,000 images of CIFAR-10 that the study of random labels gives
for its Wide ResNet (Zhang, Bengio, Hardt, Recht and Vinyals 2016, https://arxiv.org/abs/1611.03530): 8,949,210.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.merge import Residual
from podium.layers.shapes import check_dropout, check_positive, image_shape, scaled
from podium.layers.stages import NormPlace

_FILTERS = (16, 32, 64)
DropoutPlace = Literal["block", "output"]


@dataclass(frozen=True, kw_only=True)
class WideStyle:
    """What all blocks of one network have in common; ``dropout`` is the one inside of blocks."""

    activation: ActivationName
    norm: NormPlace
    dropout: float


class WideResNet(nn.Module):
    """6n + 4 convolutions: one, three stages of n blocks of two with a projection each; and a linear output.

    ``widen`` is the paper's k, for the three stages; ``width`` multiplies all filters. ``dropout_place`` is between the
    convolutions of every block (the paper's) or in front of the output.

    Raises:
        ValueError: the depth is not 6n + 4, a multiplier is not positive, dropout is outside [0, 1), or the samples are
            no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        depth: int,
        widen: int,
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        dropout: float,
        dropout_place: DropoutPlace,
    ) -> None:
        super().__init__()
        _check(depth, widen, dropout)
        channels, _, _ = image_shape(
            in_shape, network="wide_resnet", at_least=4, remedy="use a dense network or larger images"
        )
        in_block, in_front = (dropout, 0.0) if dropout_place == "block" else (0.0, dropout)
        style = WideStyle(activation=activation, norm=norm, dropout=in_block)
        stem, blocks = scaled(_FILTERS[0], width), (depth - 4) // 6
        first, second, third = (scaled(number, widen * width) for number in _FILTERS)
        self.conv = nn.Conv2d(channels, stem, kernel_size=3, padding=1, bias=False)
        self.stage1 = _stage(stem, first, blocks, stride=1, style=style)
        self.stage2 = _stage(first, second, blocks, stride=2, style=style)
        self.stage3 = _stage(second, third, blocks, stride=2, style=style)
        self.last = _preactivation(third, style)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(in_front) if in_front > 0 else None
        self.output = nn.Linear(third, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.last(self.stage3(self.stage2(self.stage1(self.conv(input)))))
        x = self.flatten(self.pool(x))
        if self.dropout is not None:
            x = self.dropout(x)
        logits: Tensor = self.output(x)
        return logits


class WideBlock(nn.Module):
    """Two 3x3 convolutions with what runs before each, and the shortcut around them.

    Where the size changes the shortcut projects what the first convolution gets, else it passes the input on.
    """

    def __init__(self, fan_in: int, filters: int, *, stride: int, style: WideStyle) -> None:
        super().__init__()
        same = fan_in == filters and stride == 1
        self.before1 = _preactivation(fan_in, style)
        self.projection = None if same else nn.Conv2d(fan_in, filters, 1, stride=stride, bias=False)
        self.conv1 = nn.Conv2d(fan_in, filters, kernel_size=3, stride=stride, padding=1, bias=False)
        self.before2 = _preactivation(filters, style)
        if style.dropout > 0:
            self.before2.add_module("dropout", nn.Dropout(style.dropout))
        self.conv2 = nn.Conv2d(filters, filters, kernel_size=3, padding=1, bias=False)
        self.merge = Residual()

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps."""
        x = self.before1(input)
        shortcut = input if self.projection is None else self.projection(x)
        x = self.conv2(self.before2(self.conv1(x)))
        result: Tensor = self.merge(x, shortcut)
        return result


def _check(depth: int, widen: int, dropout: float) -> None:
    if depth < 10 or depth % 6 != 4:
        raise ValueError(f"depth must be 6n + 4, got {depth}; set network.depth to 16, 22, 28 or 40")
    check_positive("widen", [widen], remedy="set network.widen=10")
    check_dropout(dropout)


def _stage(fan_in: int, filters: int, blocks: int, *, stride: int, style: WideStyle) -> nn.Sequential:
    first = WideBlock(fan_in, filters, stride=stride, style=style)
    rest = (WideBlock(filters, filters, stride=1, style=style) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def _preactivation(features: int, style: WideStyle) -> nn.Sequential:
    """The normalisation and the activation that run before a convolution, in their order."""
    parts: list[tuple[str, nn.Module]] = [("activation", make_activation(style.activation))]
    if style.norm != "none":
        parts.insert(0 if style.norm == "before" else 1, ("norm", nn.BatchNorm2d(features)))
    return nn.Sequential(OrderedDict(parts))
