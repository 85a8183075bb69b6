"""Residual networks for ImageNet, and their plain twins.

He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, https://arxiv.org/abs/1512.03385. Follows the
paper, table 1: 18 and 34 layers in blocks of two, 50, 101 and 152 layers in bottlenecks of three. Multiply-adds for
224x224 images are 1.8, 3.6, 3.8, 7.6 and 11.3 x 10^9 there. The paper halves the maps in the first, 1x1 convolution of
a bottleneck (``bottleneck.stride=1x1``: 3.86 x 10^9 at 50 layers); torchvision, whose weights load here, in the 3x3
convolution (4.09 x 10^9).

The inner layers of a bottleneck can be wider (Zagoruyko and Komodakis 2016, https://arxiv.org/abs/1605.07146: Wide
ResNet-50-2) and in groups (Xie, Girshick, Dollar, Tu and He 2016, https://arxiv.org/abs/1611.05431: ResNeXt).
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_positive, image_shape, scaled
from podium.layers.shortcuts import BlockStyle, Conv, ShortcutName, basic_block, make_stage
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_FILTERS = (64, 128, 256, 512)
_EXPANSION = 4  # of a bottleneck's last layer
_LEAST_BOTTLENECK = 50
_TORCHVISION = {  # by depth, groups and width of the bottleneck
    (50, 1, 1.0): "resnet50",
    (101, 1, 1.0): "resnet101",
    (152, 1, 1.0): "resnet152",
    (50, 1, 2.0): "wide_resnet50_2",
    (101, 1, 2.0): "wide_resnet101_2",
    (50, 32, 2.0): "resnext50_32x4d",
    (101, 32, 4.0): "resnext101_32x8d",
    (101, 64, 4.0): "resnext101_64x4d",
}

Stem = Literal["imagenet", "small"]


@dataclass(frozen=True, kw_only=True)
class Bottleneck:
    """The block of three layers: 1x1, 3x3 in ``groups``, 1x1 to four times the filters.

    ``stride`` is the layer that halves the maps, ``width`` the multiplier of the filters of the first two.

    Raises:
        ValueError: there are no groups, or the width is not positive.
    """

    stride: Literal["1x1", "3x3"]
    width: float
    groups: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_positive("groups", [self.groups], remedy="set network.bottleneck.groups=1")
        if not 0 < self.width < inf:
            raise ValueError(
                f"width must be positive and finite, got {self.width}; set network.bottleneck.width=1.0"
            )

    def convs(self, filters: int, stride: int) -> list[Conv]:
        """The three layers."""
        inner = scaled(filters, self.width / self.groups) * self.groups
        first, second = (stride, 1) if self.stride == "1x1" else (1, stride)
        return [Conv(inner, 1, first), Conv(inner, 3, second, self.groups), Conv(_EXPANSION * filters, 1)]


class ResNet(nn.Module):
    """A convolution, four stages of residual blocks, global average pooling and one linear output.

    ``stem=small`` begins with a 3x3 convolution and no pooling, for small images. ``bottleneck`` is for 50 layers and
    more, null below.

    Raises:
        ValueError: the depth is none of the paper or does not go with ``bottleneck``, the width is not positive, or the
            samples are no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        depth: int,
        shortcut: ShortcutName,
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        stem: Stem,
        bottleneck: Bottleneck | None,
    ) -> None:
        super().__init__()
        _check_depth(depth, bottleneck)
        channels, _, _ = image_shape(
            in_shape, network="resnet", at_least=4, remedy="use a dense network or larger images"
        )
        style = BlockStyle(shortcut=shortcut, activation=activation, norm=norm, use_bias=use_bias)
        self._form = (width, stem, style, depth, bottleneck)
        convs, expansion = (bottleneck.convs, _EXPANSION) if bottleneck else (basic_block, 1)
        filters = [scaled(number, width) for number in _FILTERS]
        self.stem = _make_stem(stem, channels, filters[0], style)
        stages, fan_in = [], filters[0]
        for k, (number, blocks) in enumerate(zip(filters, _BLOCKS[depth], strict=True)):
            stride = 1 if k == 0 else 2
            stages.append(
                make_stage(fan_in, blocks, stride=stride, convs=partial(convs, number), style=style)
            )
            fan_in = number * expansion
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(fan_in, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.stage4(self.stage3(self.stage2(self.stage1(self.stem(input)))))
        logits: Tensor = self.output(self.flatten(self.pool(x)))
        return logits

    def torchvision_name(self) -> str | None:
        """What torchvision.models calls it; None when an option makes it another network than torchvision's."""
        width, stem, style, depth, bottleneck = self._form
        theirs = BlockStyle(shortcut="B", activation="relu", norm="before", use_bias=False)
        if (width, stem, style) != (1.0, "imagenet", theirs):
            return None
        if bottleneck is None:
            return f"resnet{depth}"
        if bottleneck.stride != "3x3":
            return None
        return _TORCHVISION.get((depth, bottleneck.groups, bottleneck.width))

    def torchvision_modules(self) -> dict[str, str]:
        """The path of every module that holds parameters or buffers, to its path in torchvision's network."""
        paths = {"stem.unit.conv": "conv1", "stem.unit.norm": "bn1", "output": "fc"}
        for k in range(1, len(_FILTERS) + 1):
            for block, made in enumerate(self.get_submodule(f"stage{k}").children()):
                ours, theirs = f"stage{k}.{block}", f"layer{k}.{block}"
                for unit in range(1, 1 + len(list(made.get_submodule("branch").children()))):
                    paths[f"{ours}.branch.unit{unit}.conv"] = f"{theirs}.conv{unit}"
                    paths[f"{ours}.branch.unit{unit}.norm"] = f"{theirs}.bn{unit}"
                if isinstance(made.shortcut, ConvUnit):
                    paths[f"{ours}.shortcut.conv"] = f"{theirs}.downsample.0"
                    paths[f"{ours}.shortcut.norm"] = f"{theirs}.downsample.1"
        return paths


def _check_depth(depth: int, bottleneck: Bottleneck | None) -> None:
    if depth not in _BLOCKS:
        known = ", ".join(map(str, _BLOCKS))
        raise ValueError(f"depth must be one of {known}, got {depth}; set network.depth=18")
    if (depth >= _LEAST_BOTTLENECK) is not (bottleneck is not None):
        needs = "bottleneck must be set" if bottleneck is None else "bottleneck must be null"
        raise ValueError(f"{needs} for {depth} layers, got {bottleneck}; use network=resnet{depth}")


def _make_stem(stem: Stem, channels: int, filters: int, style: BlockStyle) -> nn.Sequential:
    size, stride = (7, 2) if stem == "imagenet" else (3, 1)
    unit = ConvUnit(
        channels,
        filters,
        activation=style.activation,
        norm=style.norm,
        use_bias=style.use_bias,
        kernel_size=size,
        stride=stride,
        padding=size // 2,
    )
    parts: list[tuple[str, nn.Module]] = [("unit", unit)]
    if stem == "imagenet":
        parts.append(("pool", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)))
    return nn.Sequential(OrderedDict(parts))
