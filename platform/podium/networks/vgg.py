"""VGG: blocks of 3x3 convolutions, configurations A to E of the paper, and the head for class activation maps.

Simonyan and Zisserman 2014, Very deep convolutional networks for large-scale image recognition,
https://arxiv.org/abs/1409.1556. Parameters for 224x224x3 and 1000 classes: A 132,863,336, B 133,047,848,
C 133,638,952, D (VGG-16) 138,357,544, E (VGG-19) 143,667,240. Follows the paper; batch normalisation is a later
option, and images of other sizes are averaged to 7x7 maps, as in torchvision.

Class activation maps: Zhou, Khosla, Lapedriza, Oliva and Torralba 2016, Learning deep features for discriminative
localization, https://arxiv.org/abs/1512.04150: no last pooling, one more convolution of 1024 filters, global
average pooling and one dense layer (20,459,304 parameters). Follows the paper; dropout between the last two and
not the two groups of the convolution are of the network that its authors released.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.local_response import local_response_norm
from podium.layers.plain import hidden_layers, numbered_names
from podium.layers.shapes import check_dropout, image_shape, scaled
from podium.layers.stages import Named, NormPlace, stage

Norm = Literal["none", "before", "after", "local_response"]
_FILTERS = (64, 128, 256, 512, 512)  # of the five blocks
_CONVOLUTIONS = {  # of the five blocks; the third ones of C are 1x1
    "A": (1, 1, 2, 2, 2),
    "B": (2, 2, 2, 2, 2),
    "C": (2, 2, 3, 3, 3),
    "D": (2, 2, 3, 3, 3),
    "E": (2, 2, 4, 4, 4),
}
_TORCHVISION = {"A": "vgg11", "B": "vgg13", "D": "vgg16", "E": "vgg19"}
_DENSE, _SIDE, _CAM = 4096, 7, 1024


class VGG(nn.Module):
    """Five blocks of convolutions, each with a pooling behind it, and a head.

    ``head``: dense, two hidden layers of 4096, or cam, one more convolution, global average pooling and no hidden
    layer. ``norm``: response normalisation behind the first activation (``local_response``, with configuration A
    the paper's A-LRN), or batch normalisation before or after every convolution's activation.

    Raises:
        ValueError: width is not positive, dropout is outside [0, 1), or the samples are no images or too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        configuration: Literal["A", "B", "C", "D", "E"],
        head: Literal["dense", "cam"],
        activation: ActivationName,
        norm: Norm,
        use_bias: bool,
        dropout: float,
        width: float,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        at_least = 32 if head == "dense" else 16
        channels, _, _ = image_shape(in_shape, network="vgg", at_least=at_least, remedy="use larger images")
        sizes = [channels, *(scaled(count, width) for count in _FILTERS)]
        modules: Named = []
        for k, count in enumerate(_CONVOLUTIONS[configuration], start=1):
            kernels = [1 if configuration == "C" and n == 2 else 3 for n in range(count)]
            modules += _block(k, kernels, sizes[k - 1], sizes[k], activation, norm, use_bias)
            modules.append((f"pool{k}", nn.MaxPool2d(2)))
        units = scaled(_CAM if head == "cam" else _DENSE, width)
        if head == "cam":
            modules[-1:] = _block(6, [3], sizes[-1], units, activation, norm, use_bias)
            side, hidden = 1, nn.Sequential(OrderedDict(dropout=nn.Dropout(dropout)))
        else:
            side, inputs = _SIDE, sizes[-1] * _SIDE**2
            hidden = hidden_layers(inputs, units, activation=activation, dropout=dropout, place="after")
        self.features = nn.Sequential(OrderedDict(modules))
        self.pool = nn.AdaptiveAvgPool2d(side)
        self.flatten = nn.Flatten()
        self.hidden = hidden
        self.output = nn.Linear(units, num_classes)
        self.head = head
        same = (head, activation, use_bias, width) == ("dense", "relu", True, 1.0)
        self._torchvision = _torchvision(configuration, norm) if same else None

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.flatten(self.pool(self.features(input)))))
        return logits

    def class_activation_map(
        self, input: Float[Tensor, "batch channels height width"], label: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch rows columns"]:
        """How much each place of the last feature maps speaks for each sample's class.

        In evaluation, the mean of a map and the class's bias are the class's logit.

        Raises:
            ValueError: the network has another head.
        """
        if self.head != "cam":
            raise ValueError(
                f"class activation maps require network.head=cam, got {self.head}; use network=vgg16_cam"
            )
        return torch.einsum("bkhw,bk->bhw", self.features(input), self.output.weight[label])

    def torchvision_name(self) -> str | None:
        """vgg11, 13, 16, 19 and their _bn; torchvision has no C, no response normalisation and no other head."""
        return self._torchvision

    def torchvision_modules(self) -> dict[str, str]:
        """Paths of the layers, here to there."""
        return numbered_names(self.features, self.hidden)


def _block(
    k: int,
    kernels: Sequence[int],
    fan_in: int,
    filters: int,
    activation: ActivationName,
    norm: Norm,
    use_bias: bool,
) -> Named:
    """The convolutions of the k-th block."""
    modules: Named = []
    for n, kernel in enumerate(kernels, start=1):
        conv = nn.Conv2d(fan_in, filters, kernel_size=kernel, padding=kernel // 2, bias=use_bias)
        place: NormPlace = "none" if norm == "local_response" else norm
        modules += stage(f"conv{k}_{n}", conv, activation=activation, norm=place)
        if norm == "local_response" and k == n == 1:
            modules.append(("conv1_1_norm", local_response_norm()))
        fan_in = filters
    return modules


def _torchvision(configuration: str, norm: Norm) -> str | None:
    """What torchvision calls a configuration with the dense head."""
    if configuration not in _TORCHVISION or norm not in ("none", "before"):
        return None
    return _TORCHVISION[configuration] + ("_bn" if norm == "before" else "")
