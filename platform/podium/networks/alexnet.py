"""AlexNet: the network of 2012 in two towers, and its form in one tower.

Krizhevsky, Sutskever and Hinton 2012, ImageNet classification with deep convolutional neural networks,
https://doi.org/10.1145/3065386; one tower: Krizhevsky 2014, One weird trick for parallelizing convolutional neural
networks, https://arxiv.org/abs/1404.5997, as torchvision has it.

Two towers (227x227x3, 60,965,224 parameters, 724,406,816 multiply-adds): outputs 55x55x96, 27x27x96, 27x27x256,
13x13x256, 13x13x384, 13x13x384, 13x13x256, 6x6x256, 4096, 4096, 1000. The towers are convolutions in two groups:
the second, fourth and fifth see only the maps of their own tower. One tower (224x224x3): 61,100,840 parameters.

Differs from the paper: images of 227x227, which make its 55x55 maps, where its text says 224x224; response
normalisation reaches across the border of the towers; images of other sizes are averaged to 6x6 maps, as in
torchvision. Dropout in one tower is in front of the hidden dense layers, in two towers behind them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.local_response import local_response_norm
from podium.layers.plain import DropoutPlace, hidden_layers, numbered_names
from podium.layers.shapes import image_shape, scaled
from podium.layers.stages import Named, stage

Norm = Literal["none", "before", "after", "local_response", "local_response_after_pool"]
_DENSE, _SIDE = 4096, 6
_LOCAL_RESPONSE = (1, 2)  # the convolutions with response normalisation
_POOLED = (1, 2, 5)  # the convolutions with pooling behind them
_GROUPED = (2, 4, 5)  # the convolutions that see their own tower alone


class _Form(NamedTuple):
    filters: tuple[int, int, int, int, int]
    padding: int  # of the first convolution
    dropout: DropoutPlace


_FORMS = {
    "two_tower": _Form((96, 256, 384, 384, 256), padding=0, dropout="after"),
    "one_tower": _Form((64, 192, 384, 256, 256), padding=2, dropout="before"),
}


class AlexNet(nn.Module):
    """Five convolutions, three poolings, two hidden dense layers and the output.

    ``form`` sets filters, the padding of the first convolution and the dropout's place; ``groups`` is the number of
    towers. ``norm``: response normalisation behind the first two activations (``local_response``, the paper) or
    behind their poolings (``local_response_after_pool``, the lectures), or batch normalisation before or after
    every convolution's activation. ``stem=small``: 3x3, stride 1, no first pooling.

    Raises:
        ValueError: groups do not divide the filters, width is not positive, dropout is outside [0, 1), or the samples
            are no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        form: Literal["two_tower", "one_tower"],
        groups: int,
        activation: ActivationName,
        norm: Norm,
        dropout: float,
        width: float,
        stem: Literal["imagenet", "small"],
    ) -> None:
        super().__init__()
        filters, padding, place = _FORMS[form]
        if groups < 1 or any(count % groups for count in filters):
            raise ValueError(
                f"groups must divide the filters {filters}, got {groups}; set network.groups=1 or 2"
            )
        channels = _channels(in_shape, padding, stem)
        sizes = [groups * scaled(count // groups, width) for count in filters]
        modules: Named = []
        for k, (fan_in, count) in enumerate(pairwise([channels, *sizes]), start=1):
            conv = _convolution(k, fan_in, count, groups, padding, stem)
            modules += _block(
                k, conv, activation, norm, pooled=k in _POOLED and (k > 1 or stem == "imagenet")
            )
        self.features = nn.Sequential(OrderedDict(modules))
        self.pool = nn.AdaptiveAvgPool2d(_SIDE)
        self.flatten = nn.Flatten()
        units = scaled(_DENSE, width)
        inputs = sizes[-1] * _SIDE**2
        self.hidden = hidden_layers(inputs, units, activation=activation, dropout=dropout, place=place)
        self.output = nn.Linear(units, num_classes)
        options = (form, groups, activation, norm, width, stem)
        self._published = options == ("one_tower", 1, "relu", "none", 1.0, "imagenet")

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.flatten(self.pool(self.features(input)))))
        return logits

    def torchvision_name(self) -> str | None:
        """Alexnet for one tower as published; torchvision has no two towers."""
        return "alexnet" if self._published else None

    def torchvision_modules(self) -> dict[str, str]:
        """Paths of the layers, here to there."""
        return numbered_names(self.features, self.hidden)


def _channels(in_shape: Sequence[int], padding: int, stem: str) -> int:
    """The images' channels; images must leave one pixel to the last pooling."""
    at_least, remedy = 7, "use larger images"
    if stem == "imagenet":
        at_least, remedy = 67 - 2 * padding, "use network.stem=small, or larger images"
    return image_shape(in_shape, network="alexnet", at_least=at_least, remedy=remedy)[0]


def _convolution(k: int, fan_in: int, filters: int, groups: int, padding: int, stem: str) -> nn.Conv2d:
    """The k-th convolution of five."""
    if k == 1 and stem == "imagenet":
        return nn.Conv2d(fan_in, filters, kernel_size=11, stride=4, padding=padding)
    kernel = 5 if k == 2 else 3
    groups = groups if k in _GROUPED else 1
    return nn.Conv2d(fan_in, filters, kernel_size=kernel, padding=kernel // 2, groups=groups)


def _block(k: int, conv: nn.Conv2d, activation: ActivationName, norm: Norm, *, pooled: bool) -> Named:
    """A convolution with its activation, normalisation and pooling, in the order they run."""
    place = norm if norm in ("before", "after") else "none"
    modules = stage(f"conv{k}", conv, activation=activation, norm=place)
    local = norm.startswith("local_response") and k in _LOCAL_RESPONSE
    if local and norm == "local_response":
        modules.append((f"conv{k}_norm", local_response_norm()))
    if pooled:
        modules.append((f"pool{k}", nn.MaxPool2d(kernel_size=3, stride=2)))
    if local and norm == "local_response_after_pool":
        modules.append((f"conv{k}_norm", local_response_norm()))
    return modules
