"""The neocognitron: Fukushima 1980, Neocognitron: a self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position, https://doi.org/10.1007/BF00344251.

Differs from the paper: the cell of the last C-layer that answers most is looked up in a table of classes, ``output``, which
``tasks/self_organization.py`` fills; what differs in the cells themselves is in ``layers/neocognitron.py``.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.layers.neocognitron import CLayer, SLayer
from podium.layers.shapes import check_positive, image_shape


class Stage(nn.Module):
    """An S-layer and the C-layer behind it."""

    s: SLayer
    c: CLayer

    def __init__(self, s: SLayer, c: CLayer) -> None:
        super().__init__()
        self.s = s
        self.c = c

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch planes rows columns"]:
        """What the C-cells answer."""
        answer: Tensor = self.c(self.s(input))
        return answer


class Winner(nn.Module):
    """1 for the cell that answers most, 0 for all others, and for all where none answers."""

    def forward(self, cells: Float[Tensor, "batch cells"]) -> Float[Tensor, "batch cells"]:
        """The answer of each cell as a share of its own, but the winner's alone."""
        largest, place = cells.max(1, keepdim=True)
        won = torch.zeros_like(cells, dtype=torch.bool).scatter(1, place, largest > 0)
        return torch.where(won, cells / largest, 0.0)


class Neocognitron(nn.Module):
    """S-layers of so many ``planes``, whose cells have areas of ``windows``, reaching ``margins`` over the edge.

    ``pools`` are the areas of C-cells, of all layers but the last, which has one cell a plane. ``selectivity`` is r of each
    S-layer, ``saturation`` alpha of the C-layers.

    Raises:
        ValueError: samples are no images or too small, lists are of different lengths, or a number is out of its range.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        planes: Sequence[int],
        windows: Sequence[int],
        margins: Sequence[int],
        pools: Sequence[int],
        selectivity: Sequence[float],
        saturation: float,
    ) -> None:
        super().__init__()
        _check(planes, windows, margins, pools, selectivity, saturation)
        least = next(n for n in range(1, 10**4) if _sides(n, windows, margins, pools) is not None)
        channels, height, width = image_shape(
            in_shape,
            network="neocognitron",
            at_least=least,
            remedy="use larger images or smaller network.windows",
        )
        rows, columns = (_sides(side, windows, margins, pools) or [] for side in (height, width))
        stages = []
        for k, window in enumerate(windows):
            s = SLayer(channels, planes[k], window=window, margin=margins[k], selectivity=selectivity[k])
            pool = pools[k] if k < len(pools) else None
            stages.append(Stage(s, CLayer(rows[k], columns[k], window=pool, saturation=saturation)))
            channels = planes[k]
        self.stages = nn.ModuleList(stages)
        self.winner = Winner()
        self.output = nn.Linear(channels, num_classes)

    def pairs(self) -> list[Stage]:
        """The stages, from the image up."""
        return [stage for stage in self.stages if isinstance(stage, Stage)]

    def cells(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch planes"]:
        """What the cells of the last C-layer answer."""
        values = input
        for stage in self.pairs():
            values = stage(values)
        return values.flatten(1)

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """What the table says of the winner."""
        sums: Tensor = self.output(self.winner(self.cells(input)))
        return sums


def _sides(
    side: int, windows: Sequence[int], margins: Sequence[int], pools: Sequence[int]
) -> list[int] | None:
    """How many S-cells each layer has along one side of an image; None where a layer would have none."""
    found = []
    for k, (window, margin) in enumerate(zip(windows, margins, strict=True)):
        side += 2 * margin - window + 1
        if side < 1:
            return None
        found.append(side)
        if k < len(pools):
            side = (side + pools[k] - 2) // 2 + 1
    return found


def _check(
    planes: Sequence[int],
    windows: Sequence[int],
    margins: Sequence[int],
    pools: Sequence[int],
    selectivity: Sequence[float],
    saturation: float,
) -> None:
    lengths = [len(windows), len(margins), len(pools) + 1, len(selectivity)]
    if not planes or any(length != len(planes) for length in lengths):
        raise ValueError(
            "planes, windows, margins and selectivity must have a number for each S-layer and pools one fewer, got "
            f"{[len(planes), *lengths[:2], lengths[3]]} and {len(pools)}; set all five"
        )
    if min(planes) < 2:
        raise ValueError(
            f"planes must be at least 2, to compete, got {list(planes)}; set network.planes=[24,24,24]"
        )
    check_positive(
        "windows and pools", [*windows, *pools], remedy="set network.windows=[5,5,5] network.pools=[5,5]"
    )
    if any(not 0 <= margin < window for margin, window in zip(margins, windows, strict=True)):
        raise ValueError(
            f"margins must be 0 or more and smaller than windows, got {list(margins)} for {list(windows)}; "
            "set network.margins=[2,1,0]"
        )
    for name, values in (("selectivity", selectivity), ("saturation", [saturation])):
        if any(not 0 < value < float("inf") for value in values):
            raise ValueError(
                f"{name} must be positive and finite, got {list(values)}; the paper's are 4 or 1.5, and 0.5"
            )
