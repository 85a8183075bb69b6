"""Inception-ResNet-v2.

Szegedy, Ioffe, Vanhoucke and Alemi 2016, Inception-v4, Inception-ResNet and the impact of residual connections on
learning, https://arxiv.org/abs/1602.07261. Follows the paper as its authors published it in code: 299x299x3, the stem of
Inception v3, 10, 20 and 10 residual Inception blocks on 35x35, 17x17 and 8x8, their branches scaled by 0.17, 0.10 and
0.20 before they are added, dropout of 20%. The last block adds at full scale and has no activation. Keras counts
55,873,736 parameters, the running statistics of the batch normalisations among them, and a depth of 572 layers.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.inception import LEAST_V3, Maker, Stem, Units, beside, chain, keep, named, stem_v3
from podium.layers.merge import Residual
from podium.layers.shapes import check_dropout, image_shape
from podium.layers.stages import NormPlace

_REPEATS = (10, 20, 9)  # and one last block


class InceptionResNetV2(nn.Module):
    """A stem, residual Inception blocks on maps of three sizes, global average pooling, dropout, one linear output.

    ``scales`` multiply the branches of the blocks of the three sizes. ``stem=small`` keeps the size of small images up
    to the first halving module.

    Raises:
        ValueError: the samples are no images or too small, or a number is out of its range.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        width: float,
        stem: Stem,
        activation: ActivationName,
        norm: NormPlace,
        norm_scale: bool,
        use_bias: bool,
        scales: Sequence[float],
        dropout: float,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        if len(scales) != len(_REPEATS):
            raise ValueError(
                f"scales must be {len(_REPEATS)}, got {list(scales)}; set network.scales=[0.17,0.1,0.2]"
            )
        remedy = "use network.stem=small or larger images"
        channels, _, _ = image_shape(
            in_shape, network="inception_resnet_v2", at_least=LEAST_V3[stem], remedy=remedy
        )
        units = Units(
            width=width,
            activation=activation,
            norm=norm,
            norm_eps=1e-3,
            norm_scale=norm_scale,
            use_bias=use_bias,
        )
        self.features, features = named(stem_v3(units, stem) | _modules(units, scales))(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.flatten(self.pool(self.features(input)))
        logits: Tensor = self.output(self.dropout(x))
        return logits


class ScaledAdd(Residual):
    """``scale`` times the branch plus the shortcut."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, *branches: Tensor) -> Tensor:
        """Shape of each branch."""
        branch, shortcut = branches
        return shortcut + self.scale * branch


class Block(nn.Module):
    """Towers, a 1x1 convolution to the number of maps that came in, and their scaled sum with the input."""

    def __init__(
        self, fan_in: int, towers: Maker, *, scale: float, activation: ActivationName | None
    ) -> None:
        super().__init__()
        self.inception, features = towers(fan_in)
        self.project = nn.Conv2d(features, fan_in, kernel_size=1)
        self.merge = ScaledAdd(scale)
        self.activation = nn.Identity() if activation is None else make_activation(activation)

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch fan_in h w"]:
        """Feature maps."""
        result: Tensor = self.activation(self.merge(self.project(self.inception(input)), input))
        return result


def _modules(units: Units, scales: Sequence[float]) -> dict[str, Maker]:
    conv = units.conv
    towers35 = beside(conv(32), chain(conv(32), conv(32, 3)), chain(conv(32), conv(48, 3), conv(64, 3)))
    towers17 = beside(conv(192), chain(conv(128), conv(160, (1, 7)), conv(192, (7, 1))))
    towers8 = beside(conv(192), chain(conv(192), conv(224, (1, 3)), conv(256, (3, 1))))
    blocks35, blocks17, blocks8 = (
        _blocks(towers, repeats, scale, units.activation)
        for towers, repeats, scale in zip((towers35, towers17, towers8), _REPEATS, scales, strict=True)
    )
    return {
        "mixed5b": _mixed5b(units),
        "blocks35": blocks35,
        "mixed6a": _mixed6a(units),
        "blocks17": blocks17,
        "mixed7a": _mixed7a(units),
        "blocks8": blocks8,
        "last": _block(towers8, 1.0, None),
        "conv7b": conv(1536),
    }


def _blocks(towers: Maker, repeats: int, scale: float, activation: ActivationName) -> Maker:
    return chain(*(_block(towers, scale, activation) for _ in range(repeats)))


def _block(towers: Maker, scale: float, activation: ActivationName | None) -> Maker:
    return lambda fan_in: (Block(fan_in, towers, scale=scale, activation=activation), fan_in)


def _mixed5b(units: Units) -> Maker:
    conv = units.conv
    double = chain(conv(64), conv(96, 3), conv(96, 3))
    return beside(conv(96), chain(conv(48), conv(64, 5)), double, chain(keep(_average), conv(64)))


def _mixed6a(units: Units) -> Maker:
    conv = units.conv
    double = chain(conv(256), conv(256, 3), conv(384, 3, stride=2, valid=True))
    return beside(conv(384, 3, stride=2, valid=True), double, keep(_halving))


def _mixed7a(units: Units) -> Maker:
    conv = units.conv
    first = chain(conv(256), conv(384, 3, stride=2, valid=True))
    second = chain(conv(256), conv(288, 3, stride=2, valid=True))
    double = chain(conv(256), conv(288, 3), conv(320, 3, stride=2, valid=True))
    return beside(first, second, double, keep(_halving))


def _average() -> nn.Module:
    return nn.AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=False)


def _halving() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2)
