"""Inception v3.

Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2015, Rethinking the Inception architecture for computer vision,
https://arxiv.org/abs/1512.00567. Follows the paper as its authors published it in code: 299x299x3, modules on 35x35,
17x17 (7x7 convolutions as 1x7 and 7x1) and 8x8, batch normalisation, one auxiliary classifier on the last 17x17 maps
whose loss weighs 0.4.

Two forms of it are common. torchvision's, whose weights load here, has factors in its batch normalisations
(``norm_scale``) and counts the border as zeros when it averages (``count_padding``): 23,834,568 parameters, 27,161,264
with the auxiliary classifier. Keras' has neither and no auxiliary classifier: 23,851,784 parameters, the running
statistics of the batch normalisations among them, and a depth of 159 layers.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Auxiliary
from podium.layers.activations import ActivationName
from podium.layers.inception import (
    LEAST_V3,
    AuxiliaryPool,
    Maker,
    Stem,
    Units,
    beside,
    chain,
    check_auxiliary_weight,
    keep,
    named,
    stateful,
    stem_v3,
    symmetric_input,
)
from podium.layers.shapes import check_dropout, image_shape
from podium.layers.stages import NormPlace


class InceptionV3(nn.Module):
    """A stem, eleven modules, global average pooling, dropout and one linear output.

    ``stem=small`` keeps the size of small images up to the first halving module. In training, with ``auxiliary``, the
    logits come with those of the classifier behind 6e.

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
        activation: ActivationName,
        norm: NormPlace,
        norm_scale: bool,
        use_bias: bool,
        count_padding: bool,
        dropout: float,
        auxiliary: bool,
        auxiliary_weight: float,
        transform_input: bool,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        check_auxiliary_weight(auxiliary_weight)
        remedy = "use network.stem=small or larger images"
        shape = image_shape(in_shape, network="inception_v3", at_least=LEAST_V3[stem], remedy=remedy)
        own = (shape[0], width, stem, activation, norm, norm_scale, use_bias, count_padding)
        self._is_torchvision = own == (3, 1.0, "imagenet", "relu", "before", True, False, True)
        units = Units(
            width=width,
            activation=activation,
            norm=norm,
            norm_eps=1e-3,
            norm_scale=norm_scale,
            use_bias=use_bias,
        )
        modules = _Modules(units, count_padding)
        first: dict[str, Maker] = {"input": symmetric_input} if transform_input else {}
        self.lower, lower = named(first | stem_v3(units, stem) | modules.lower())(shape[0])
        self.auxiliary_weight = auxiliary_weight
        self.auxiliary1 = _auxiliary(lower, num_classes, units) if auxiliary else None
        self.upper, upper = named(modules.upper())(lower)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(upper, num_classes)

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"] | Auxiliary:
        """Logits, in training those of the auxiliary classifier too."""
        others: tuple[Tensor, ...] = ()
        x = self.lower(input)
        if self.training and self.auxiliary1 is not None:
            others += (self.auxiliary1(x),)
        logits: Tensor = self.output(self.dropout(self.flatten(self.pool(self.upper(x)))))
        return Auxiliary(logits, others, self.auxiliary_weight) if others else logits

    def torchvision_name(self) -> str | None:
        """What torchvision.models calls it; None when an option makes it another network than torchvision's."""
        return "inception_v3" if self._is_torchvision else None

    def torchvision_modules(self) -> dict[str, str]:
        """The path of every module that holds parameters or buffers, to its path in torchvision's network."""
        return {path: _torchvision_path(path) for path in stateful(self)}


@dataclass(frozen=True)
class _Modules:
    """The modules of the three sizes of maps, and the two that halve the maps in between."""

    units: Units
    count_padding: bool

    def lower(self) -> dict[str, Maker]:
        """Up to the auxiliary classifier."""
        fives = {f"mixed5{letter}": self._a(pool) for letter, pool in zip("bcd", (32, 64, 64), strict=True)}
        sizes = zip("bcde", (128, 160, 160, 192), strict=True)
        return (
            fives
            | {"mixed6a": self._b()}
            | {f"mixed6{letter}": self._c(filters) for letter, filters in sizes}
        )

    def upper(self) -> dict[str, Maker]:
        """Behind it."""
        return {"mixed7a": self._d(), "mixed7b": self._e(), "mixed7c": self._e()}

    def _a(self, pool: int) -> Maker:
        conv = self.units.conv
        double = chain(conv(64), conv(96, 3), conv(96, 3))
        return beside(conv(64), chain(conv(48), conv(64, 5)), double, self._averaged(pool))

    def _b(self) -> Maker:
        conv = self.units.conv
        double = chain(conv(64), conv(96, 3), conv(96, 3, stride=2, valid=True))
        return beside(conv(384, 3, stride=2, valid=True), double, keep(_halving))

    def _c(self, filters: int) -> Maker:
        conv, across, down = self.units.conv, (1, 7), (7, 1)
        single = chain(conv(filters), conv(filters, across), conv(192, down))
        pairs = [conv(filters), conv(filters, down), conv(filters, across), conv(filters, down)]
        return beside(conv(192), single, chain(*pairs, conv(192, across)), self._averaged(192))

    def _d(self) -> Maker:
        conv = self.units.conv
        last = conv(192, 3, stride=2, valid=True)
        seven = chain(conv(192), conv(192, (1, 7)), conv(192, (7, 1)), last)
        return beside(chain(conv(192), conv(320, 3, stride=2, valid=True)), seven, keep(_halving))

    def _e(self) -> Maker:
        conv = self.units.conv
        spread = beside(conv(384, (1, 3)), conv(384, (3, 1)))
        double = chain(conv(448), conv(384, 3), spread)
        return beside(conv(320), chain(conv(384), spread), double, self._averaged(192))

    def _averaged(self, filters: int) -> Maker:
        def average() -> nn.Module:
            return nn.AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=self.count_padding)

        return chain(keep(average), self.units.conv(filters))


def _halving() -> nn.Module:
    return nn.MaxPool2d(kernel_size=3, stride=2)


def _auxiliary(fan_in: int, num_classes: int, units: Units) -> nn.Sequential:
    """Averages of at least 5x5 places, a 1x1 convolution, one that sees them all, and the logits."""
    conv0, filters = units.conv(128)(fan_in)
    conv1, features = units.conv(768, 5, valid=True)(filters)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    parts["average"] = AuxiliaryPool(5)
    parts["conv0"] = conv0
    parts["conv1"] = conv1
    parts["pool"] = nn.AdaptiveAvgPool2d(1)
    parts["flatten"] = nn.Flatten()
    parts["output"] = nn.Linear(features, num_classes)
    return nn.Sequential(parts)


_CONVS = {"1a": "3x3", "2a": "3x3", "2b": "3x3", "3b": "1x1", "4a": "3x3"}
_TOWERS = {  # of torchvision's modules
    "5b5c5d": ("branch1x1", "branch5x5", "branch3x3dbl", "branch_pool"),
    "6a": ("branch3x3", "branch3x3dbl"),
    "6b6c6d6e": ("branch1x1", "branch7x7", "branch7x7dbl", "branch_pool"),
    "7a": ("branch3x3", "branch7x7x3"),
    "7b7c": ("branch1x1", "branch3x3", "branch3x3dbl", "branch_pool"),
}
_IN_MODULE = re.compile(r"mixed(\w\w)\.towers\.(\d)(?:\.(\d))?(?:\.towers\.(\d))?\.")


def _torchvision_path(path: str) -> str:
    path = re.sub(r"\.norm$", ".bn", re.sub(r"^(lower|upper)\.", "", path))
    path = re.sub(r"^auxiliary1", "AuxLogits", path)
    path = re.sub(r"\boutput$", "fc", path)
    path = re.sub(r"^conv(\w\w)", lambda found: f"Conv2d_{found[1]}_{_CONVS[found[1]]}", path)
    return _IN_MODULE.sub(_in_module, path)


def _in_module(found: re.Match[str]) -> str:
    module, tower, step, half = found.groups()
    name = next(names for modules, names in _TOWERS.items() if module in modules)[int(tower)]
    if step is not None and name != "branch_pool":
        name += f"_{int(step) + 1}"
    if half is not None:
        name += "ab"[int(half)]
    return f"Mixed_{module}.{name}."
