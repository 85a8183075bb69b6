"""Densely connected networks (DenseNet).

Huang, Liu, van der Maaten and Weinberger 2017, Densely connected convolutional networks,
https://arxiv.org/abs/1608.06993. Follows the paper: table 1 and section 3 with the forms plain, B (1x1 bottlenecks of
4 times the growth), C (transitions halve the maps) and BC; with ``dropout``, it is behind every convolution but the
first, as in section 4.2. Keras counts 8,062,504, 14,307,880 and 20,242,984 parameters for 121, 169 and 201 layers,
the running statistics of the batch normalisations among them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.merge import Concatenate
from podium.layers.shapes import check_dropout, check_positive, image_shape, scaled

Form = Literal["plain", "B", "C", "BC"]
Stem = Literal["imagenet", "small"]

BOTTLENECK = 4  # times the growth
CIFAR_FILTERS = 16  # of the first convolution for small images, without bottlenecks
PUBLISHED: dict[tuple[int, tuple[int, ...]], str] = {
    (32, (6, 12, 24, 16)): "densenet121",
    (48, (6, 12, 36, 24)): "densenet161",
    (32, (6, 12, 32, 32)): "densenet169",
    (32, (6, 12, 48, 32)): "densenet201",
}


class DenseNet(nn.Module):
    """Blocks of layers that each add ``growth`` maps to all maps before them, with transitions between the blocks.

    ``blocks`` are the layers of each block. ``width`` multiplies the growth and the filters of the first convolution.

    Raises:
        ValueError: a size is not positive, dropout is outside [0, 1), or the samples are no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        blocks: Sequence[int],
        growth: int,
        form: Form,
        stem: Stem,
        width: float,
        activation: ActivationName,
        dropout: float,
    ) -> None:
        super().__init__()
        check_positive("blocks", blocks or [0], remedy="set network.blocks=[6,12,24,16]")
        check_positive("growth", [growth], remedy="set network.growth=32")
        check_dropout(dropout)
        channels = _channels(in_shape, len(blocks), stem)
        same = (form, stem, activation, width) == ("BC", "imagenet", "relu", 1.0)
        self._published = PUBLISHED.get((growth, tuple(blocks))) if same else None
        growth = scaled(growth, width)
        filters = 2 * growth if "B" in form or stem == "imagenet" else scaled(CIFAR_FILTERS, width)
        self.stem = _stem(channels, filters, stem, activation)
        parts: list[tuple[str, nn.Module]] = []
        for k, layers in enumerate(blocks, start=1):
            parts.append((f"block{k}", _block(filters, growth, layers, form, activation, dropout)))
            filters += layers * growth
            if k < len(blocks):
                fan_in, filters = filters, filters // 2 if "C" in form else filters
                parts.append((f"transition{k}", _transition(fan_in, filters, activation, dropout)))
        self.blocks = nn.Sequential(OrderedDict(parts))
        self.norm = nn.BatchNorm2d(filters)
        self.activation = make_activation(activation)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(filters, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.activation(self.norm(self.blocks(self.stem(input))))
        logits: Tensor = self.output(self.flatten(self.pool(x)))
        return logits

    def torchvision_name(self) -> str | None:
        """densenet121, 161, 169 or 201; None for other blocks, growth or options."""
        return self._published

    def torchvision_modules(self) -> dict[str, str]:
        """Paths of ours to torchvision's."""
        paths = {"stem.conv": "features.conv0", "stem.norm": "features.norm0"}
        for name, part in self.blocks.named_children():
            theirs = f"features.{name.replace('block', 'denseblock')}"
            if name.startswith("transition"):
                paths |= {f"blocks.{name}.{leaf}": f"{theirs}.{leaf}" for leaf in ("norm", "conv")}
                continue
            for layer, _ in part.named_children():
                for k, half in enumerate(("reduce", "grow"), start=1):
                    for leaf in ("norm", "conv"):
                        ours = f"blocks.{name}.{layer}.{half}.{leaf}"
                        paths[ours] = f"{theirs}.{layer.replace('layer', 'denselayer')}.{leaf}{k}"
        return paths | {"norm": "features.norm5", "output": "classifier"}


class DenseLayer(nn.Module):
    """All maps before it, and ``growth`` new ones made of them; with ``bottleneck``, of 4 ``growth`` mixtures of them."""

    def __init__(
        self, fan_in: int, *, growth: int, bottleneck: bool, activation: ActivationName, dropout: float
    ) -> None:
        super().__init__()
        mixtures = BOTTLENECK * growth
        self.reduce = _unit(fan_in, mixtures, 1, activation, dropout) if bottleneck else nn.Identity()
        self.grow = _unit(mixtures if bottleneck else fan_in, growth, 3, activation, dropout)
        self.merge = Concatenate()

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch more h w"]:
        """Feature maps."""
        result: Tensor = self.merge(input, self.grow(self.reduce(input)))
        return result


def _unit(
    fan_in: int, filters: int, kernel: int, activation: ActivationName, dropout: float
) -> nn.Sequential:
    """Normalisation, activation, convolution in this order (section 3, composite function)."""
    parts: list[tuple[str, nn.Module]] = [
        ("norm", nn.BatchNorm2d(fan_in)),
        ("activation", make_activation(activation)),
        ("conv", nn.Conv2d(fan_in, filters, kernel_size=kernel, padding=kernel // 2, bias=False)),
    ]
    if dropout > 0:
        parts.append(("dropout", nn.Dropout(dropout)))
    return nn.Sequential(OrderedDict(parts))


def _block(
    fan_in: int, growth: int, layers: int, form: Form, activation: ActivationName, dropout: float
) -> nn.Sequential:
    made = [
        DenseLayer(
            fan_in + k * growth,
            growth=growth,
            bottleneck="B" in form,
            activation=activation,
            dropout=dropout,
        )
        for k in range(layers)
    ]
    return nn.Sequential(OrderedDict((f"layer{k}", layer) for k, layer in enumerate(made, start=1)))


def _transition(fan_in: int, filters: int, activation: ActivationName, dropout: float) -> nn.Sequential:
    transition = _unit(fan_in, filters, 1, activation, dropout)
    transition.add_module("pool", nn.AvgPool2d(2))
    return transition


def _stem(channels: int, filters: int, stem: Stem, activation: ActivationName) -> nn.Sequential:
    if stem == "small":
        conv = nn.Conv2d(channels, filters, kernel_size=3, padding=1, bias=False)
        return nn.Sequential(OrderedDict([("conv", conv)]))
    parts: list[tuple[str, nn.Module]] = [
        ("conv", nn.Conv2d(channels, filters, kernel_size=7, stride=2, padding=3, bias=False)),
        ("norm", nn.BatchNorm2d(filters)),
        ("activation", make_activation(activation)),
        ("pool", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)),
    ]
    return nn.Sequential(OrderedDict(parts))


def _channels(in_shape: Sequence[int], blocks: int, stem: Stem) -> int:
    """Of images that leave a pixel: transitions halve the size downwards, the two halvings of the stem upwards."""
    halved: int = 2 ** (blocks - 1)
    channels, _, _ = image_shape(
        in_shape,
        network=f"densenet of {blocks} blocks with stem={stem}",
        at_least=halved if stem == "small" else 4 * (halved - 1) + 1,
        remedy="use network.stem=small, fewer network.blocks or larger images",
    )
    return channels
