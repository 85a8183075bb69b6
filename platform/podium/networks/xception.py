"""Xception.

Chollet 2017, Xception: deep learning with depthwise separable convolutions, https://arxiv.org/abs/1610.02357. Follows
the paper: figure 5; ``shortcut=none`` is the network without residual connections of figure 9, ``inner_activation``
stands between the halves of a separable convolution as in figure 10; dropout of 0.5 in front of the output as in
section 4.3. Keras counts 22,910,480 parameters, the running statistics of the batch normalisations among
them, and a depth of 126 layers, a separable convolution being one of them and dropout left out.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.merge import Residual
from podium.layers.separable import SeparableConv
from podium.layers.shapes import check_dropout, image_shape, scaled
from podium.layers.unit import ConvUnit

Stem = Literal["imagenet", "small"]

STEM = (32, 64)
ENTRY = (128, 256, 728)
MIDDLE_BLOCKS = 8
EXIT = (1024, 1536, 2048)
LEAST = {"imagenet": 71, "small": 16}


class Xception(nn.Module):
    """Entry flow of 2 convolutions and 3 halving blocks, middle flow of 8 blocks, exit flow of one block and 2 layers.

    Every block has 2 (middle flow: 3) separable convolutions and a shortcut around them: projected where the size
    changes (B), or none. ``stem=small`` lets the first convolution keep the size of small images, and both their border.

    Raises:
        ValueError: the width is not positive, dropout is outside [0, 1), or the samples are no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        width: float,
        stem: Stem,
        activation: ActivationName,
        inner_activation: ActivationName | None,
        shortcut: Literal["none", "B"],
        dropout: float,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        channels, _, _ = image_shape(
            in_shape,
            network=f"xception with stem={stem}",
            at_least=LEAST[stem],
            remedy="use network.stem=small or larger images",
        )
        second = scaled(STEM[1], width)
        self.stem = _stem(channels, scaled(STEM[0], width), second, stem, activation)
        low, high, middle = (scaled(filters, width) for filters in ENTRY)
        third, fourth, last = (scaled(filters, width) for filters in EXIT)
        block = partial(
            Block, activation=activation, inner_activation=inner_activation, residual=shortcut == "B"
        )
        self.entry = nn.Sequential(
            block(second, (low, low), halve=True, activate_input=False),
            block(low, (high, high), halve=True),
            block(high, (middle, middle), halve=True),
        )
        self.middle = nn.Sequential(
            *(block(middle, (middle, middle, middle), halve=False) for _ in range(MIDDLE_BLOCKS))
        )
        self.exit = block(middle, (middle, third), halve=True)
        self.top1 = _separable(third, fourth, inner_activation, activation)
        self.top2 = _separable(fourth, last, inner_activation, activation)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(last, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.exit(self.middle(self.entry(self.stem(input))))
        x = self.pool(self.top2(self.top1(x)))
        logits: Tensor = self.output(self.dropout(self.flatten(x)))
        return logits


class Block(nn.Module):
    """Separable convolutions, each behind an activation, pooling where the block halves, and the shortcut's sum.

    Without ``activate_input`` the first activation is left out, because the stem ends with one.
    """

    def __init__(
        self,
        fan_in: int,
        filters: Sequence[int],
        *,
        halve: bool,
        activation: ActivationName,
        inner_activation: ActivationName | None,
        residual: bool,
        activate_input: bool = True,
    ) -> None:
        super().__init__()
        self.shortcut: nn.Module | None = None
        self.merge: nn.Module | None = None
        if residual:
            projection = ConvUnit(
                fan_in, filters[-1], activation=None, norm="before", use_bias=False, kernel_size=1, stride=2
            )
            self.shortcut = projection if halve else nn.Identity()
            self.merge = Residual()
        parts: list[tuple[str, nn.Module]] = []
        for k, (fan, number) in enumerate(pairwise([fan_in, *filters]), start=1):
            if k > 1 or activate_input:
                parts.append((f"activation{k}", make_activation(activation)))
            parts.append((f"conv{k}", _separable(fan, number, inner_activation, None)))
        if halve:
            parts.append(("pool", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)))
        self.path = nn.Sequential(OrderedDict(parts))

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps."""
        x: Tensor = self.path(input)
        if self.shortcut is None or self.merge is None:
            return x
        merged: Tensor = self.merge(x, self.shortcut(input))
        return merged


def _stem(channels: int, first: int, second: int, stem: Stem, activation: ActivationName) -> nn.Sequential:
    stride, border = (2, 0) if stem == "imagenet" else (1, 1)
    unit = partial(
        ConvUnit, activation=activation, norm="before", use_bias=False, kernel_size=3, padding=border
    )
    return nn.Sequential(OrderedDict(conv1=unit(channels, first, stride=stride), conv2=unit(first, second)))


def _separable(
    fan_in: int, filters: int, inner_activation: ActivationName | None, activation: ActivationName | None
) -> SeparableConv:
    return SeparableConv(
        fan_in,
        filters,
        stride=1,
        inner_activation=inner_activation,
        inner_norm="none",
        activation=activation,
        norm="before",
        use_bias=False,
    )
