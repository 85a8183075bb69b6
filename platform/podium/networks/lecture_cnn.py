"""The lectures' small convolutional network: blocks of 3x3 convolution and 2x2 pooling, then dense layers.

With 28x28x1 images, filters 32 and 32, a dense layer of 64 and valid padding, the shapes are 26x26x32,
13x13x32, 11x11x32, 5x5x32, 800, 64, 10 and the parameters 320 + 9,248 + 51,264 + 650 = 61,482. The idea of
alternating convolution and pooling is of LeCun et al. 1989, https://doi.org/10.1162/neco.1989.1.4.541.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_positive, image_shape
from podium.layers.stages import Named, NormPlace, stage

_LOG = logging.getLogger(__name__)


class LectureCNN(nn.Module):
    """A block for each number of filters (convolution, activation, pooling), dense layers, the output.

    ``norm`` places batch normalisation before or after the activation of the convolutions; ``use_bias`` is
    for these convolutions. ``padding``: valid as in the lectures, same, or fit: valid where every feature
    map stays large enough, else same. ``halving`` of stride leaves the pooling out: the convolutions step by 2, as in the
    all-convolutional network of Springenberg et al. 2014, https://arxiv.org/abs/1412.6806.

    Raises:
        ValueError: filters or widths that are not positive, samples that are no images, or images too small.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: Sequence[int],
        widths: Sequence[int],
        activation: ActivationName,
        norm: NormPlace,
        use_bias: bool,
        padding: Literal["valid", "same", "fit"],
        halving: Literal["stride"] | None = None,  # records from before it was there do not name it
    ) -> None:
        super().__init__()
        check_positive("filters", filters, remedy="set network.filters=[32,32]")
        check_positive("widths", widths, remedy="set network.widths=[64]")
        channels, *size = image_shape(
            in_shape,
            network=f"a convolutional network of {len(filters)} blocks with padding={padding}",
            at_least=_least(len(filters), 1 if padding == "valid" else 0),
            remedy="set network.padding=fit, choose fewer network.filters or larger images",
        )
        border = 1 if padding == "valid" else 0
        if padding == "fit":
            border = _fitting_border(size, blocks=len(filters))
        blocks: Named = []
        for k, width in enumerate(filters, start=1):
            conv = nn.Conv2d(
                channels, width, kernel_size=3, stride=2 if halving else 1, padding=1 - border, bias=use_bias
            )
            blocks += stage(f"conv{k}", conv, activation=activation, norm=norm)
            if halving is None:
                blocks.append((f"pool{k}", nn.MaxPool2d(2)))
            odd = 1 if halving else 0  # a step is taken from the last of an odd number of places too
            channels, size = width, [(length - 2 * border + odd) // 2 for length in size]
        self.features = nn.Sequential(OrderedDict(blocks))
        sizes = [channels * size[0] * size[1], *widths]
        dense: Named = [("flatten", nn.Flatten())]
        for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
            dense += stage(f"dense{k}", nn.Linear(fan_in, fan_out), activation=activation, norm="none")
        self.hidden = nn.Sequential(OrderedDict(dense))
        self.output = nn.Linear(sizes[-1], num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.features(input)))
        return logits


def _least(blocks: int, border: int) -> int:
    """The smallest image that leaves one pixel when each convolution takes ``border`` off each side."""
    size = 1
    for _ in range(blocks):
        size = 2 * size + 2 * border
    return size


def _fitting_border(size: Sequence[int], *, blocks: int) -> int:
    least = _least(blocks, border=1)
    if min(size) >= least:
        return 1
    _LOG.info(
        "padding=fit uses same padding: valid padding needs images of at least %dx%d, got %dx%d",
        least,
        least,
        *size,
    )
    return 0
