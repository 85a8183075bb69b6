"""MobileNet (v1).

Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto and Adam 2017, MobileNets: efficient convolutional neural
networks for mobile vision applications, https://arxiv.org/abs/1704.04861. Follows the paper: table 1, and its
width multiplier alpha, here ``width``; 4.2, 2.6, 1.3 and 0.5 million parameters and 569, 325, 149 and 41 million
multiply-adds at 224x224 for 1.0, 0.75, 0.5 and 0.25. The paper is silent about dropout: 0.001 is of Keras. Keras and
TensorFlow clip the rectified values at 6, of which the paper says nothing. The last depthwise convolution has
stride 1, because the table's 2 contradicts the sizes beside it.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.separable import SeparableConv
from podium.layers.shapes import check_dropout, image_shape, scaled
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

FIRST = 32  # filters of the stem
BLOCKS = (  # filters and stride of the separable convolutions
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


class MobileNet(nn.Module):
    """A 3x3 convolution and 13 depthwise separable ones, ``width`` times the paper's filters in each.

    ``stem=small`` lets the first convolution keep the size of small images.

    Raises:
        ValueError: the width is not positive, dropout is outside [0, 1), or the samples are no images.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        width: float,
        stem: Literal["imagenet", "small"],
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        channels, _, _ = image_shape(
            in_shape, network="mobilenet", at_least=1, remedy="use a data set of images"
        )
        unit = partial(ConvUnit, activation=activation, norm=norm, use_bias=use_bias)
        separable = partial(SeparableConv, inner_activation=activation, inner_norm=norm, use_bias=use_bias)
        filters = [scaled(number, width) for number in (FIRST, *(number for number, _ in BLOCKS))]
        step = 2 if stem == "imagenet" else 1
        self.stem = unit(channels, filters[0], kernel_size=3, stride=step, padding=1)
        self.blocks = nn.Sequential(
            *(
                separable(fan_in, number, stride=stride, activation=activation, norm=norm)
                for (fan_in, number), (_, stride) in zip(pairwise(filters), BLOCKS, strict=True)
            )
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters[-1], num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.blocks(self.stem(input))
        logits: Tensor = self.output(self.dropout(self.flatten(self.pool(x))))
        return logits
