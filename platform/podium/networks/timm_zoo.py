"""The networks of timm, PyTorch image models, by name (Wightman 2019, https://github.com/huggingface/pytorch-image-models).

Follows timm. The package is optional.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from podium.layers.adopted import Adopted, check_name, fitting
from podium.layers.shapes import image_shape


class Timm(Adopted):
    """The network that timm calls ``name``, with fresh weights; a name never leads to the internet.

    Raises:
        ValueError: timm is not installed, has no network of that name, or it cannot take samples of this shape.
    """

    def __init__(self, *, in_shape: Sequence[int], num_classes: int, name: str) -> None:
        timm = _timm()
        check_name(name, timm.list_models(), network="timm")
        network = f"timm's {name}"
        channels, *size = image_shape(
            in_shape, network=network, at_least=1, remedy="use larger images or another network.name"
        )
        published = timm.get_pretrained_cfg(name)
        sized = {"img_size": tuple(size)} if published is not None and published.fixed_input_size else {}
        with fitting(in_shape, network=network):
            inner = timm.create_model(
                name, pretrained=False, num_classes=num_classes, in_chans=channels, **sized
            )
        super().__init__(inner, in_shape=in_shape, network=network)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return super().forward(input)


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except ModuleNotFoundError:
        raise ValueError(
            "network=timm requires the package timm, got none; pip install timm (or podium[timm])"
        ) from None
