"""Residual networks for CIFAR-10 and their plain twins.

He, Zhang, Ren and Sun 2015, Deep residual learning for image recognition, section 4.2,
https://arxiv.org/abs/1512.03385. Follows the paper: 3x3 convolutions in three stages of 16, 32 and 64
filters, batch normalisation before each activation, shortcuts of option A, which have no parameters, global
average pooling. Depths 20, 32, 44, 56 and 110 have 0.27, 0.46, 0.66, 0.85 and 1.7 million parameters.
"""

from collections.abc import Sequence
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import image_shape, scaled
from podium.layers.shortcuts import BlockStyle, ShortcutName, basic_block, make_stage
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

_FILTERS = (16, 32, 64)


class CifarResNet(nn.Module):
    """6n + 2 weight layers: one convolution, three stages of n blocks of two, one linear output.

    With ``shortcut=none`` it is the plain twin, with the same parameters as with option A.

    Raises:
        ValueError: the depth is not 6n + 2, the width is not positive, or the samples are no images.
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
    ) -> None:
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2, got {depth}; set network.depth to 20, 32, 44, 56 or 110")
        channels, _, _ = image_shape(
            in_shape, network="cifar_resnet", at_least=4, remedy="use a dense network or larger images"
        )
        style = BlockStyle(shortcut=shortcut, activation=activation, norm=norm, use_bias=use_bias)
        first, second, third = (scaled(number, width) for number in _FILTERS)
        blocks = (depth - 2) // 6
        self.stem = ConvUnit(
            channels, first, activation=activation, norm=norm, use_bias=use_bias, kernel_size=3, padding=1
        )
        self.stage1 = make_stage(first, blocks, stride=1, convs=partial(basic_block, first), style=style)
        self.stage2 = make_stage(first, blocks, stride=2, convs=partial(basic_block, second), style=style)
        self.stage3 = make_stage(second, blocks, stride=2, convs=partial(basic_block, third), style=style)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = nn.Linear(third, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.stage3(self.stage2(self.stage1(self.stem(input))))
        logits: Tensor = self.output(self.flatten(self.pool(x)))
        return logits
