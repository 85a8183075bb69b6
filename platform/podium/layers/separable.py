"""Depthwise separable convolution: one filter for each channel, then a mixture of the channels.

Sifre 2014, Rigid-motion scattering for image classification (thesis), section 6.2; in the forms of MobileNet
(Howard et al. 2017, https://arxiv.org/abs/1704.04861), normalisation and activation behind both halves, and of
Xception (Chollet 2017, https://arxiv.org/abs/1610.02357), nothing between them.
"""

from collections import OrderedDict

from torch import nn

from podium.layers.activations import ActivationName
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit


class SeparableConv(nn.Sequential):
    """A 3x3 convolution of each channel by itself, and a 1x1 convolution over the channels.

    Each half is a ConvUnit with its own activation (None leaves it out) and place of normalisation.
    """

    def __init__(
        self,
        fan_in: int,
        filters: int,
        *,
        stride: int,
        inner_activation: ActivationName | None,
        inner_norm: NormPlace,
        activation: ActivationName | None,
        norm: NormPlace,
        use_bias: bool,
    ) -> None:
        depthwise = ConvUnit(
            fan_in,
            fan_in,
            activation=inner_activation,
            norm=inner_norm,
            use_bias=use_bias,
            kernel_size=3,
            stride=stride,
            padding=1,
            groups=fan_in,
        )
        pointwise = ConvUnit(
            fan_in, filters, activation=activation, norm=norm, use_bias=use_bias, kernel_size=1
        )
        super().__init__(OrderedDict([("depthwise", depthwise), ("pointwise", pointwise)]))
