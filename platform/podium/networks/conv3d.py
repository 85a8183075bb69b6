"""Three-dimensional convolution, for volumes and video: C3D and smaller ones.

Tran, Bourdev, Fergus, Torresani and Paluri 2015, Learning spatiotemporal features with 3D convolutional networks,
https://arxiv.org/abs/1412.0767. ``c3d`` follows the paper: 8 convolutions of 3x3x3, 5 poolings, two dense layers of
4096; 79,991,015 parameters for clips of 3x16x112x112 and the 487 classes of Sports-1M, 78,409,573 for the 101 of
UCF-101. Poolings round up, as in the authors' Caffe, so that 7x7 become 4x4. Differs from the paper: clips of other
sizes are averaged to the paper's 1x4x4 in front of the dense layers.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from math import prod

from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_dropout, check_positive, scaled, volume_shape
from podium.layers.stages import Named, NormPlace, stage


class Conv3d(nn.Module):
    """Groups of 3x3x3 convolutions with max-pooling behind each, dense layers, the output.

    ``filters`` has a list for each group. The first pooling keeps the frames, so that they are not merged too early.
    ``grid`` is frames, height and width of the feature maps in front of the dense layers (1, 1, 1: their mean).
    ``width`` multiplies filters and dense ``widths``. Dropout is behind each dense layer; ``norm`` is for convolutions.

    Raises:
        ValueError: a size is not positive, grid has not three sizes, dropout is outside [0, 1) or has no dense
            layer to be behind, or the samples are no volumes.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        filters: Sequence[Sequence[int]],
        widths: Sequence[int],
        grid: Sequence[int],
        width: float,
        activation: ActivationName,
        norm: NormPlace,
        dropout: float,
    ) -> None:
        super().__init__()
        for group in filters or [[]]:
            check_positive("filters", group or [0], remedy="set network.filters=[[16],[32]]")
        check_positive("widths", widths, remedy="set network.widths=[64]")
        if len(grid) != 3 or min(grid) < 1:
            raise ValueError(
                f"grid must be frames, height, width, got {list(grid)}; set network.grid=[1,1,1]"
            )
        check_dropout(dropout)
        if dropout > 0 and not widths:
            raise ValueError(
                f"dropout must go with dense layers, got {dropout} and none; set network.dropout=0.0"
            )
        channels, _, _, _ = volume_shape(
            in_shape, network="conv3d", at_least=1, remedy="use a data set of volumes"
        )
        scaled_filters = [[scaled(number, width) for number in group] for group in filters]
        self.features = _features(channels, scaled_filters, activation, norm)
        self.pool = nn.AdaptiveAvgPool3d(tuple(grid))
        sizes = [scaled_filters[-1][-1] * prod(grid), *(scaled(number, width) for number in widths)]
        dense: Named = [("flatten", nn.Flatten())]
        for k, (fan_in, fan_out) in enumerate(pairwise(sizes), start=1):
            dense += stage(f"dense{k}", nn.Linear(fan_in, fan_out), activation=activation, norm="none")
            dense.append((f"dropout{k}", nn.Dropout(dropout)))
        self.hidden = nn.Sequential(OrderedDict(dense))
        self.output = nn.Linear(sizes[-1], num_classes)

    def forward(
        self, input: Float[Tensor, "batch channels frames height width"]
    ) -> Float[Tensor, "batch classes"]:
        """Logits."""
        logits: Tensor = self.output(self.hidden(self.pool(self.features(input))))
        return logits


def _features(
    channels: int, filters: Sequence[Sequence[int]], activation: ActivationName, norm: NormPlace
) -> nn.Sequential:
    parts: Named = []
    for g, group in enumerate(filters, start=1):
        for k, (fan_in, number) in enumerate(pairwise([channels, *group]), start=1):
            conv = nn.Conv3d(fan_in, number, kernel_size=3, padding=1)
            parts += stage(f"conv{g}_{k}", conv, activation=activation, norm=norm)
        channels = group[-1]
        parts.append((f"pool{g}", nn.MaxPool3d((1, 2, 2) if g == 1 else 2, ceil_mode=True)))
    return nn.Sequential(OrderedDict(parts))
