"""Networks of parametric rectifiers, models A, B and C.

He, Zhang, Ren and Sun 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852. Follows the paper's table
of large models: a 7x7 convolution of stride 2, three stages of 3x3 convolutions (five each in A, six in B and C) at 56,
28 and 14 pixels for images of 224, spatial pyramid pooling on 7x7, 3x3, 2x2 and 1x1 bins (He et al. 2014,
https://arxiv.org/abs/1406.4729), two dense layers of 4096; a learned slope for every channel. Its operations are 1.90,
2.32 and 5.30 x 10^10 there; computed, multiply-adds are 1.91, 2.32 and 5.35 x 10^10.
Differs from the paper: bins are those of adaptive pooling, which overlap where the map is no multiple of them. The
paper takes no weight decay on slopes, which is the optimizer's business. Published errors, model C, many views of
several scales: 21.59 % top-1, 5.71 % top-5.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.merge import Concatenate
from podium.layers.shapes import check_dropout, check_positive, image_shape, scaled

_STEM, _DENSE, _BINS = 96, 4096, (7, 3, 2, 1)
Rectifier = Literal[ActivationName, "channel_prelu"]


class PReLUNet(nn.Module):
    """A convolution, three stages of ``repeats`` convolutions of ``filters`` each, pyramid pooling, two dense layers.

    ``activation=channel_prelu`` learns a slope for every channel, ``prelu`` one for a layer. ``stem=small`` begins with
    a 3x3 convolution and no pooling, for small images.

    Raises:
        ValueError: there are not three stages, a number is not positive, dropout is outside [0, 1), or the samples are
            no images, or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        repeats: int,
        filters: Sequence[int],
        width: float,
        activation: Rectifier,
        dropout: float,
        stem: Literal["imagenet", "small"],
    ) -> None:
        super().__init__()
        _check(repeats, filters, dropout)
        least, remedy = (16, "use network.stem=small") if stem == "imagenet" else (4, "use larger images")
        channels, _, _ = image_shape(in_shape, network="prelu_net", at_least=least, remedy=remedy)
        first, dense = scaled(_STEM, width), scaled(_DENSE, width)
        fans = [first, *(scaled(number, width) for number in filters)]
        self.stem = _make_stem(stem, channels, first, activation)
        self.stage1 = _stage(fans[0], fans[1], repeats, activation)
        self.pool1 = nn.MaxPool2d(2)
        self.stage2 = _stage(fans[1], fans[2], repeats, activation)
        self.pool2 = nn.MaxPool2d(2)
        self.stage3 = _stage(fans[2], fans[3], repeats, activation)
        self.pyramid = SpatialPyramid(bins=_BINS)
        self.dense1 = _dense(fans[3] * self.pyramid.size, dense, activation, dropout)
        self.dense2 = _dense(dense, dense, activation, dropout)
        self.output = nn.Linear(dense, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.pool1(self.stage1(self.stem(input)))
        x = self.stage3(self.pool2(self.stage2(x)))
        logits: Tensor = self.output(self.dense2(self.dense1(self.pyramid(x))))
        return logits


class SpatialPyramid(nn.Module):
    """The maxima of every channel over several grids of bins, one after the other."""

    def __init__(self, *, bins: Sequence[int]) -> None:
        super().__init__()
        self.size = sum(count**2 for count in bins)
        self.levels = nn.ModuleList(
            nn.Sequential(nn.AdaptiveMaxPool2d(count), nn.Flatten()) for count in bins
        )
        self.merge = Concatenate()

    def forward(self, input: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch features"]:
        """``size`` values of each channel."""
        pooled: Tensor = self.merge(*(level(input) for level in self.levels))
        return pooled


def _check(repeats: int, filters: Sequence[int], dropout: float) -> None:
    if len(filters) != 3:
        raise ValueError(
            f"filters must be of three stages, got {list(filters)}; set network.filters=[256,512,512]"
        )
    check_positive("filters", filters, remedy="set network.filters=[256,512,512]")
    check_positive("repeats", [repeats], remedy="set network.repeats=5")
    check_dropout(dropout)


def _rectifier(name: Rectifier, channels: int) -> nn.Module:
    return nn.PReLU(channels, init=0.25) if name == "channel_prelu" else make_activation(name)


def _unit(fan_in: int, filters: int, activation: Rectifier, **convolution: Any) -> nn.Sequential:
    conv = nn.Conv2d(fan_in, filters, **convolution)
    return nn.Sequential(OrderedDict(conv=conv, activation=_rectifier(activation, filters)))


def _stage(fan_in: int, filters: int, repeats: int, activation: Rectifier) -> nn.Sequential:
    fans = [fan_in] + [filters] * (repeats - 1)
    return nn.Sequential(*(_unit(fan, filters, activation, kernel_size=3, padding=1) for fan in fans))


def _dense(fan_in: int, width: int, activation: Rectifier, dropout: float) -> nn.Sequential:
    parts: list[tuple[str, nn.Module]] = [
        ("linear", nn.Linear(fan_in, width)),
        ("activation", _rectifier(activation, width)),
    ]
    if dropout > 0:
        parts.append(("dropout", nn.Dropout(dropout)))
    return nn.Sequential(OrderedDict(parts))


def _make_stem(name: str, channels: int, filters: int, activation: Rectifier) -> nn.Sequential:
    if name == "small":
        return nn.Sequential(_unit(channels, filters, activation, kernel_size=3, padding=1))
    unit = _unit(channels, filters, activation, kernel_size=7, stride=2, padding=3)
    return nn.Sequential(unit, nn.MaxPool2d(2))
