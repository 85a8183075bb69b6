"""GoogLeNet: 22 layers, nine Inception modules, two auxiliary classifiers in training.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich 2014, Going deeper with convolutions,
https://arxiv.org/abs/1409.4842. Follows the paper (``form=paper``): table 1 for 224x224x3, biases and no batch
normalisation, local response normalisation around the second convolution as in figure 3, dropout of 40% in front of the
output and 70% in the auxiliary classifiers, whose losses weigh 0.3. The paper does not say how it normalises; AlexNet's
constants are used.

Not all of table 1 fits its own architecture. Its K are 1,024 weights without biases: the second convolution (112K, 360M),
3a (159K, 128M) and the output (1000K) are exact. Operations agree within 1% but in two lines. The first
convolution, of 9.2K and 118M, is given as 2.7K and 34M: this is a separable 7x7 of multiplier 8, as in BN-Inception. 5a,
of 1,018K and 51M, is given as 1,072K and 54M. Of the other weights 3b is 379K (380K there), 4a 367K (364K), 4b 438K (437K),
4c 498K (463K, beside 100M, which is right), 4d 591K (580K), 4e 847K (840K) and 5b 1,409K (1,388K).

``form=torchvision`` is torchvision's network, whose weights load here: 3x3 in place of 5x5 convolutions, a last pooling
of 2x2, and auxiliary classifiers that pool adaptively; with ``norm=before use_bias=false local_response_norm=false``.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Auxiliary
from podium.layers.activations import ActivationName, make_activation
from podium.layers.inception import (
    AuxiliaryPool,
    Maker,
    Stem,
    Units,
    check_auxiliary_weight,
    keep,
    named,
    reduced_module,
    stateful,
    symmetric_input,
)
from podium.layers.local_response import local_response_norm as make_local_response_norm
from podium.layers.shapes import check_dropout, image_shape, scaled
from podium.layers.stages import NormPlace

Form = Literal["paper", "torchvision"]

# 1x1, 3x3 reduction, 3x3, 5x5 reduction, 5x5, 1x1 behind the pooling
_MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_LEAST = {"imagenet": 31, "small": 4}
_AUXILIARY_DROPOUT = 0.7
_RENAMES = (
    (r"^(lower|middle|upper)\.", ""),
    (r"\.towers\.0", ".branch1"),
    (r"\.towers\.1", ".branch2"),
    (r"\.towers\.2", ".branch3"),
    (r"\.towers\.3", ".branch4"),
    (r"\.norm$", ".bn"),
    (r"^auxiliary", "aux"),
    (r"\.hidden$", ".fc1"),
    (r"\.output$", ".fc2"),
    (r"^output$", "fc"),
)


class GoogLeNet(nn.Module):
    """A stem, the modules 3a to 5b, global average pooling, dropout and one linear output.

    ``stem=small`` begins with a 3x3 convolution and pools for the first time behind 3b. In training, with
    ``auxiliary``, the logits come with those of the classifiers behind 4a and 4d.

    Raises:
        ValueError: the samples are no images or too small, or a number is out of its range.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        width: float,
        stem: Stem,
        form: Form,
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        local_response_norm: bool,
        dropout: float,
        auxiliary: bool,
        auxiliary_weight: float,
        transform_input: bool,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        check_auxiliary_weight(auxiliary_weight)
        remedy = "use network.stem=small or larger images"
        shape = image_shape(in_shape, network="googlenet", at_least=_LEAST[stem], remedy=remedy)
        units = Units(width=width, activation=activation, norm=norm, use_bias=use_bias, norm_eps=1e-3)
        own = (shape[0], width, stem, form, activation, norm, use_bias, local_response_norm)
        self._is_torchvision = own == (3, 1.0, "imagenet", "torchvision", "relu", "before", False, False)
        first: dict[str, Maker] = {"input": symmetric_input} if transform_input else {}
        first |= _stem(units, stem, local_response_norm)
        self.lower, lower = named(first | _modules(units, form, "3a", "3b", "pool3", "4a"))(shape[0])
        self.middle, middle = named(_modules(units, form, "4b", "4c", "4d"))(lower)
        self.upper, upper = named(_modules(units, form, "4e", "pool4", "5a", "5b"))(middle)
        self.auxiliary_weight = auxiliary_weight
        self.auxiliary1 = _auxiliary(lower, num_classes, units, form) if auxiliary else None
        self.auxiliary2 = _auxiliary(middle, num_classes, units, form) if auxiliary else None
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(upper, num_classes)

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"] | Auxiliary:
        """Logits, in training those of the auxiliary classifiers too."""
        others: tuple[Tensor, ...] = ()
        x = self.lower(input)
        if self.training and self.auxiliary1 is not None:
            others += (self.auxiliary1(x),)
        x = self.middle(x)
        if self.training and self.auxiliary2 is not None:
            others += (self.auxiliary2(x),)
        logits: Tensor = self.output(self.dropout(self.flatten(self.pool(self.upper(x)))))
        return Auxiliary(logits, others, self.auxiliary_weight) if others else logits

    def torchvision_name(self) -> str | None:
        """What torchvision.models calls it; None when an option makes it another network than torchvision's."""
        return "googlenet" if self._is_torchvision else None

    def torchvision_modules(self) -> dict[str, str]:
        """The path of every module that holds parameters or buffers, to its path in torchvision's network."""
        return {path: _torchvision_path(path) for path in stateful(self)}


def _stem(units: Units, stem: Stem, local_response_norm: bool) -> dict[str, Maker]:
    small = stem == "small"
    makers = {
        "conv1": units.conv(64, 3) if small else units.conv(64, 7, stride=2),
        "pool1": None if small else keep(_halving),
        "norm1": keep(make_local_response_norm) if local_response_norm else None,
        "conv2": units.conv(64),
        "conv3": units.conv(192, 3),
        "norm2": keep(make_local_response_norm) if local_response_norm else None,
        "pool2": None if small else keep(_halving),
    }
    return {name: maker for name, maker in makers.items() if maker is not None}


def _modules(units: Units, form: Form, *names: str) -> dict[str, Maker]:
    makers: dict[str, Maker] = {}
    for name in names:
        if name == "pool4" and form == "torchvision":
            makers[name] = keep(lambda: nn.MaxPool2d(kernel_size=2, stride=2, ceil_mode=True))
        elif name.startswith("pool"):
            makers[name] = keep(_halving)
        else:
            one, reduce3, three, reduce5, five, pool = _MODULES[name]
            makers[f"inception{name}"] = reduced_module(
                units,
                one=one,
                three=(reduce3, three),
                five=(reduce5, five),
                pool=pool,
                largest=5 if form == "paper" else 3,
            )
    return makers


def _halving() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


def _auxiliary(fan_in: int, num_classes: int, units: Units, form: Form) -> nn.Sequential:
    """Averages of 4x4 places, a 1x1 convolution of 128 filters, 1,024 units, dropout and the logits."""
    conv, filters = units.conv(128)(fan_in)
    hidden = scaled(1024, units.width)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if form == "paper":
        parts["average"] = AuxiliaryPool(4)
    parts["pool"] = nn.AdaptiveAvgPool2d(
        4
    )  # maps of 14x14, of 224x224 images, have 4x4 averages in the paper
    parts["conv"] = conv
    parts["flatten"] = nn.Flatten()
    parts["hidden"] = nn.Linear(4 * 4 * filters, hidden)
    parts["activation"] = make_activation(units.activation)
    parts["dropout"] = nn.Dropout(_AUXILIARY_DROPOUT)
    parts["output"] = nn.Linear(hidden, num_classes)
    return nn.Sequential(parts)


def _torchvision_path(path: str) -> str:
    for pattern, name in _RENAMES:
        path = re.sub(pattern, name, path)
    return path
