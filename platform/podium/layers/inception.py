"""Inception modules: towers of convolutions side by side, their outputs concatenated.

Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich 2014, Going deeper with convolutions,
https://arxiv.org/abs/1409.4842, figure 2. Follows the paper: the naive module, and the one whose 1x1 convolutions
reduce the maps in front of the 3x3 and 5x5 and behind the pooling. On 112x112x3 with 64 filters a tower, the second has
1x1 convolutions of 256 parameters, a 3x3 of 36,928, a 5x5 of 102,464, and gives 112x112x256.

Networks describe themselves by makers: a maker takes the number of maps that arrive and gives a new module and the
number of maps that leave it.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.layers.activations import ActivationName
from podium.layers.merge import Concatenate
from podium.layers.published import Normalize
from podium.layers.shapes import scaled
from podium.layers.stages import NormPlace
from podium.layers.unit import ConvUnit

Maker = Callable[[int], tuple[nn.Module, int]]
Stem = Literal["imagenet", "small"]

LEAST_V3 = {"imagenet": 75, "small": 7}  # image sizes that leave a map to the last module, by stem


class Inception(nn.Module):
    """Towers that see the same maps, and the concatenation of what they make of them."""

    def __init__(self, *towers: nn.Module) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.merge = Concatenate()

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch filters h2 w2"]:
        """Feature maps of all towers."""
        result: Tensor = self.merge(*(tower(input) for tower in self.towers))
        return result


@dataclass(frozen=True, kw_only=True)
class Units:
    """How a network makes its convolutions: what stands around them, and the multiplier of their filters."""

    width: float
    activation: ActivationName
    norm: NormPlace
    use_bias: bool
    norm_eps: float
    norm_scale: bool = True

    def conv(
        self, filters: int, kernel: int | tuple[int, int] = 1, *, stride: int = 1, valid: bool = False
    ) -> Maker:
        """A convolution; with a stride of 1 it keeps the size of the maps, unless ``valid``, which pads nothing."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel

        def make(fan_in: int) -> tuple[nn.Module, int]:
            number = scaled(filters, self.width)
            unit = ConvUnit(
                fan_in,
                number,
                activation=self.activation,
                norm=self.norm,
                use_bias=self.use_bias,
                norm_eps=self.norm_eps,
                norm_scale=self.norm_scale,
                kernel_size=(height, width),
                stride=stride,
                padding=0 if valid else (height // 2, width // 2),
            )
            return unit, number

        return make


def keep(module: Callable[[], nn.Module]) -> Maker:
    """A module that leaves the number of maps as it is: a pooling, a normalisation."""
    return lambda fan_in: (module(), fan_in)


def chain(*makers: Maker) -> Maker:
    """One after the other, numbered from 0."""
    return named({str(number): maker for number, maker in enumerate(makers)})


def named(makers: Mapping[str, Maker]) -> Maker:
    """One after the other, by name."""

    def make(fan_in: int) -> tuple[nn.Module, int]:
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        for name, maker in makers.items():
            modules[name], fan_in = maker(fan_in)
        return nn.Sequential(modules), fan_in

    return make


def beside(*makers: Maker) -> Maker:
    """Side by side: an Inception module."""

    def make(fan_in: int) -> tuple[nn.Module, int]:
        made = [maker(fan_in) for maker in makers]
        return Inception(*(module for module, _ in made)), sum(features for _, features in made)

    return make


def naive_module(units: Units, *, one: int, three: int, five: int) -> Maker:
    """1x1, 3x3 and 5x5 convolutions of so many filters, and the maximum of 3x3 pixels, of all maps that arrive."""
    return beside(units.conv(one), units.conv(three, 3), units.conv(five, 5), keep(max_pool))


def reduced_module(
    units: Units, *, one: int, three: tuple[int, int], five: tuple[int, int], pool: int, largest: int = 5
) -> Maker:
    """The module with 1x1 reductions: ``three`` and ``five`` have the filters of the reduction and of the convolution.

    ``pool`` is the filters of the 1x1 convolution behind the pooling, ``largest`` the kernel of the third tower.
    """
    return beside(
        units.conv(one),
        chain(units.conv(three[0]), units.conv(three[1], 3)),
        chain(units.conv(five[0]), units.conv(five[1], largest)),
        chain(keep(max_pool), units.conv(pool)),
    )


def max_pool() -> nn.Module:
    """The maximum of 3x3 pixels around each."""
    return nn.MaxPool2d(kernel_size=3, stride=1, padding=1)


def stem_v3(units: Units, stem: Stem) -> dict[str, Maker]:
    """The first layers of Inception v3 and Inception-ResNet-v2: 299x299 to 35x35x192.

    ``small`` keeps the size of small images: no stride, no pooling, every convolution padded.
    """
    small = stem == "small"
    pools = ["pool1", "pool2"]
    makers = {
        "conv1a": units.conv(32, 3, stride=1 if small else 2, valid=not small),
        "conv2a": units.conv(32, 3, valid=not small),
        "conv2b": units.conv(64, 3),
        "pool1": keep(lambda: nn.MaxPool2d(kernel_size=3, stride=2)),
        "conv3b": units.conv(80),
        "conv4a": units.conv(192, 3, valid=not small),
        "pool2": keep(lambda: nn.MaxPool2d(kernel_size=3, stride=2)),
    }
    return {name: maker for name, maker in makers.items() if not (small and name in pools)}


class AuxiliaryPool(nn.Module):
    """Average pooling of 5x5 with stride 3, as in front of an auxiliary classifier.

    Maps of which that would leave less than ``side`` x ``side`` are pooled adaptively to this size, so that small
    images have auxiliary classifiers too.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, input: Float[Tensor, "batch fan_in h w"]) -> Float[Tensor, "batch fan_in h2 w2"]:
        """Smaller maps."""
        if min(input.shape[2:]) < 5 + 3 * (self.side - 1):
            return F.adaptive_avg_pool2d(input, self.side)
        return F.avg_pool2d(input, kernel_size=5, stride=3)


def symmetric_input(channels: int) -> tuple[nn.Module, int]:
    """Turns images that were standardised by the colours of ImageNet into pixels between -1 and 1; a maker.

    The Inception weights that torchvision publishes were trained on such pixels (there: ``transform_input``).

    Raises:
        ValueError: the images are neither grey nor of three colours.
    """
    if channels not in (1, 3):
        raise ValueError(
            f"transform_input requires grey images or three colours, got {channels} channels; "
            "set network.transform_input=false"
        )
    colours = ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))  # mean and deviation over ImageNet
    mean = [(0.5 - mean) / deviation for mean, deviation in colours]
    return Normalize(mean=mean, std=[0.5 / deviation for _, deviation in colours]), len(colours)


def check_auxiliary_weight(weight: float) -> None:
    """Refuse to reward auxiliary losses.

    Raises:
        ValueError: the weight is negative or not finite.
    """
    if not 0 <= weight < float("inf"):
        raise ValueError(
            f"auxiliary_weight must be at least 0 and finite, got {weight}; set network.auxiliary_weight=0.3"
        )


def stateful(network: nn.Module) -> list[str]:
    """The paths of the modules that have parameters or buffers of their own in the network's state."""
    return list(dict.fromkeys(key.rpartition(".")[0] for key in network.state_dict()))
