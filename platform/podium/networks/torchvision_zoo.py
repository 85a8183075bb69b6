"""Torchvision's networks for classification, by name (https://docs.pytorch.org/vision/stable/models.html).

Differs from torchvision: the first convolution takes as many channels as the images have; GoogLeNet and Inception v3
have no auxiliary classifiers; transformers are made for the size of the images.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torchvision import models

from podium.layers.adopted import Adopted, check_name, fitting
from podium.layers.shapes import image_shape
from podium.layers.surgery import replace

_COLOURS = 3  # the channels that torchvision's networks are made for


class Torchvision(Adopted):
    """The network that torchvision.models calls ``name``.

    An activation that its authors use several times in a pass counts once for an initialiser's gain, and functions
    without a module are out of the tricks' reach.

    Raises:
        ValueError: torchvision has no network of that name, or it cannot take samples of this shape.
    """

    def __init__(self, *, in_shape: Sequence[int], num_classes: int, name: str) -> None:
        check_name(name, models.list_models(module=models), network="torchvision")
        network = f"torchvision's {name}"
        channels, *size = image_shape(
            in_shape, network=network, at_least=1, remedy="use larger images or another network.name"
        )
        with fitting(in_shape, network=network):
            inner = models.get_model(name, num_classes=num_classes, **_options(name, size))
        if isinstance(inner, models.MNASNet):  # it takes no state without its version, which safetensors lack
            inner._load_from_state_dict = partial(nn.Module._load_from_state_dict, inner)
        if channels != _COLOURS:
            inner = _with_channels(inner, channels)
        super().__init__(inner, in_shape=in_shape, network=network)
        self._name = name if channels == _COLOURS else None

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return super().forward(input)

    def torchvision_name(self) -> str | None:
        """Its name; None when its first convolution is another."""
        return self._name


def _options(name: str, size: Sequence[int]) -> dict[str, Any]:
    """What a builder must be told beside the number of classes."""
    match models.get_model_builder(name).__module__.rpartition(".")[2]:
        case "vision_transformer":
            return {"image_size": size[0]}
        case "maxvit":
            return {"input_size": tuple(size)}
        case "googlenet" | "inception":
            return {"aux_logits": False, "init_weights": True}
    return {}


def _with_channels(network: nn.Module, channels: int) -> nn.Module:
    """The network with its first convolution made anew for another number of channels."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    made = nn.Conv2d(
        channels,
        first.out_channels,
        _sides(first.kernel_size),
        stride=_sides(first.stride),
        padding=first.padding if isinstance(first.padding, str) else _sides(first.padding),
        bias=first.bias is not None,
    )
    return replace(network, lambda _, module: module is first, lambda _: made, what="a convolution")


def _sides(size: Sequence[int]) -> tuple[int, int]:
    height, width = size
    return height, width
