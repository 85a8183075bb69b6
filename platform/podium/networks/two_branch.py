"""The lectures' merge layers in a network that trains: two branches of convolutions, joined by any of seven merges.

Convolutions of two sizes side by side are the idea of the Inception module (Szegedy et al. 2014, Going deeper with
convolutions, https://arxiv.org/abs/1409.4842). Differs from the paper: two branches only, and other merges than
concatenation.
"""

from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.merge import MergeName, make_merge
from podium.layers.shapes import check_positive, image_shape, scaled
from podium.layers.stages import Named, NormPlace, stage


class TwoBranch(nn.Module):
    """Two branches of two convolutions, with 3x3 and with 5x5 filters; the merge, pooling, a dense layer, the output.

    ``width`` multiplies ``filters`` and the ``units`` of the dense layer. ``norm`` is for the convolutions.

    Raises:
        ValueError: a size is not positive, or the samples are no images of at least 4x4.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: int,
        units: int,
        merge: MergeName,
        width: float,
        activation: ActivationName,
        norm: NormPlace,
    ) -> None:
        super().__init__()
        check_positive("filters", [filters], remedy="set network.filters=16")
        check_positive("units", [units], remedy="set network.units=64")
        channels, height, breadth = image_shape(
            in_shape, network="two_branch", at_least=4, remedy="use a dense network or larger images"
        )
        filters, units = scaled(filters, width), scaled(units, width)
        self.fine = _branch(channels, filters, 3, activation, norm)
        self.coarse = _branch(channels, filters, 5, activation, norm)
        self.merge = make_merge(merge)
        self.pool = nn.MaxPool2d(2)
        maps = {"concatenate": 2 * filters, "dot": 1}.get(merge, filters)
        layer = nn.Linear(maps * (height // 4) * (breadth // 4), units)
        dense = stage("dense", layer, activation=activation, norm="none")
        self.hidden = nn.Sequential(OrderedDict([("flatten", nn.Flatten()), *dense]))
        self.output = nn.Linear(units, num_classes)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        x = self.merge(self.fine(input), self.coarse(input))
        logits: Tensor = self.output(self.hidden(self.pool(x)))
        return logits


def _branch(
    channels: int, filters: int, kernel: int, activation: ActivationName, norm: NormPlace
) -> nn.Sequential:
    conv1 = nn.Conv2d(channels, filters, kernel_size=kernel, padding="same")
    conv2 = nn.Conv2d(filters, filters, kernel_size=kernel, padding="same")
    modules: Named = [
        *stage("conv1", conv1, activation=activation, norm=norm),
        ("pool", nn.MaxPool2d(2)),
        *stage("conv2", conv2, activation=activation, norm=norm),
    ]
    return nn.Sequential(OrderedDict(modules))
