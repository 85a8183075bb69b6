"""The unit that most convolutional networks are made of: convolution, batch normalisation, activation.

Its parts are always called conv, norm and activation, whatever their order, so that names of parameters do not
depend on the options.
"""

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from podium.layers.activations import ActivationName, make_activation
from podium.layers.stages import NormPlace


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of feature maps, with or without its factors (gamma).

    Without ``scale`` only the offsets (beta) are learned, as in the Keras Inception networks; torch knows both or none.
    """

    def __init__(self, features: int, *, eps: float, momentum: float, scale: bool) -> None:
        super().__init__(features, eps=eps, momentum=momentum)
        if not scale:
            del self.weight
            self.register_buffer("weight", torch.ones(features), persistent=False)


class ConvUnit(nn.Sequential):
    """A convolution of feature maps with its normalisation and its activation.

    ``norm`` places batch normalisation before or after the activation, or leaves it out; ``activation`` None leaves
    that out. Everything else goes to the convolution (kernel_size, stride, padding, groups).
    """

    def __init__(
        self,
        fan_in: int,
        filters: int,
        *,
        activation: ActivationName | None,
        norm: NormPlace,
        use_bias: bool,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        norm_scale: bool = True,
        **convolution: Any,
    ) -> None:
        parts: list[tuple[str, nn.Module]] = []
        if norm != "none":
            made = BatchNorm(filters, eps=norm_eps, momentum=norm_momentum, scale=norm_scale)
            parts.append(("norm", made))
        if activation is not None:
            parts.insert(len(parts) if norm != "after" else 0, ("activation", make_activation(activation)))
        conv = nn.Conv2d(fan_in, filters, bias=use_bias, **convolution)
        super().__init__(OrderedDict([("conv", conv), *parts]))
