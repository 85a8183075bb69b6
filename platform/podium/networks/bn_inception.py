"""BN-Inception: GoogLeNet with batch normalisation and two 3x3 convolutions in place of each 5x5.

Ioffe and Szegedy 2015, Batch normalization: accelerating deep network training by reducing internal covariate shift,
https://arxiv.org/abs/1502.03167. Follows the paper: figure 5 of its appendix for 224x224x3, a separable first
convolution of multiplier 8 (``separable=false`` is an ordinary 7x7), modules 3c and 4e that halve the maps and pass the
pooled input on, average pooling but for 5b, no local response normalisation, no dropout, no auxiliary classifier. 4c and
4d have 96 filters behind the pooling, with which they give the 576 maps of the figure; ports with 128 there give 608.

Differs from the paper: it states 13.6 million parameters. The figure, as read here, has 11,188,288, which is also what
its ports have (11.3 million with 128 filters in 4c and 4d and biases beside the batch normalisations). Error on ImageNet,
top-1 and top-5: 21.99 and 5.81 (He et al. 2015, https://arxiv.org/abs/1512.03385, table 4).
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.inception import Maker, Stem, Units, beside, chain, keep, max_pool, named
from podium.layers.shapes import check_dropout, image_shape
from podium.layers.stages import NormPlace

_MULTIPLIER = 8  # of the separable convolution

# 1x1, 3x3 reduction, 3x3, double 3x3 reduction, double 3x3, 1x1 behind the pooling
_MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 96),
    "4d": (96, 128, 192, 160, 192, 96),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}
_HALVING, _MAXIMUM = ("3c", "4e"), ("5b",)


class BNInception(nn.Module):
    """A stem, the modules 3a to 5b, global average pooling and one linear output.

    ``stem=small`` begins with a 3x3 convolution and halves the maps for the first time in 3c.

    Raises:
        ValueError: the samples are no images, or a number is out of its range.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        width: float,
        stem: Stem,
        separable: bool,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        remedy = "use a dense network or larger images"
        channels, _, _ = image_shape(in_shape, network="bn_inception", at_least=1, remedy=remedy)
        units = Units(width=width, activation=activation, norm=norm, use_bias=use_bias, norm_eps=1e-3)
        makers = _stem(units, stem, separable)
        makers |= {f"inception{name}": _module(units, name) for name in _MODULES}
        self.features, features = named(makers)(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.flatten(self.pool(self.features(input)))
        logits: Tensor = self.output(self.dropout(x))
        return logits


def _stem(units: Units, stem: Stem, separable: bool) -> dict[str, Maker]:
    kernel, stride = (3, 1) if stem == "small" else (7, 2)
    makers: dict[str, Maker] = {}
    if separable:
        makers["depthwise"] = _depthwise(kernel, stride)
        makers["conv1"] = units.conv(64)
    else:
        makers["conv1"] = units.conv(64, kernel, stride=stride)
    if stem == "imagenet":
        makers["pool1"] = keep(_halving)
    makers |= {"conv2": units.conv(64), "conv3": units.conv(192, 3)}
    if stem == "imagenet":
        makers["pool2"] = keep(_halving)
    return makers


def _depthwise(kernel: int, stride: int) -> Maker:
    """Eight filters for each colour; what mixes them, with its normalisation and activation, is conv1."""

    def make(fan_in: int) -> tuple[nn.Module, int]:
        filters = _MULTIPLIER * fan_in
        conv = nn.Conv2d(fan_in, filters, kernel, stride, padding=kernel // 2, groups=fan_in, bias=False)
        return conv, filters

    return make


def _module(units: Units, name: str) -> Maker:
    one, reduce3, three, reduce_double, double, pool = _MODULES[name]
    stride = 2 if name in _HALVING else 1
    towers = [
        chain(units.conv(reduce3), units.conv(three, 3, stride=stride)),
        chain(units.conv(reduce_double), units.conv(double, 3), units.conv(double, 3, stride=stride)),
    ]
    if name in _HALVING:
        return beside(*towers, keep(_halving))
    pooling = max_pool if name in _MAXIMUM else _average
    return beside(units.conv(one), *towers, chain(keep(pooling), units.conv(pool)))


def _average() -> nn.Module:
    return nn.AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _halving() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
