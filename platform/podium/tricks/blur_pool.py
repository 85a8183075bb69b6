"""BlurPool (Zhang 2019, Making convolutional networks shift-invariant again, https://arxiv.org/abs/1904.11486).

    max pooling of stride s -> max pooling of stride 1, blur, every s-th value
    convolution of stride s -> convolution of stride 1, blur, every s-th value
    blur: binomial filter of ``filter_size`` taps along each axis: [1, 1], [1, 2, 1], [1, 3, 3, 1], ..., normalised

Differs from the paper: behind a convolution the blur comes before its normalisation and activation, so that an activation
which several layers share can stay; every strided convolution is changed, the first one too; maps repeat their edge in
place of reflecting it, which tiny maps could not. Average pooling, which blurs already, and shortcuts that only leave out
pixels stay.
"""

import math
from collections.abc import Sequence
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Trick
from podium.layers.surgery import insert_after, insert_before

_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class BlurPool(Trick):
    """Blurs before values are left out: in max pooling and in strided convolutions. A ``filter_size`` of 1 is neutral.

    All map sizes stay. Active in evaluation too: it changes the architecture, without parameters.

    Raises:
        ValueError: the filter has no tap, or the network leaves no values out by pooling or convolving.
    """

    def __init__(self, *, filter_size: int) -> None:
        if filter_size < 1:
            raise ValueError(f"filter_size must be at least 1, got {filter_size}; the paper tries 2, 3 and 5")
        self.filter_size = filter_size

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with strides moved behind a blur."""
        strides = {module: found for module in network.modules() if math.prod(found := _strides(module)) > 1}
        waiting = iter(strides.values())
        insert_after(
            network,
            lambda _, module: module in strides,
            lambda: Blur(self.filter_size, next(waiting)),
            what="max pooling or a convolution with a stride",
        )
        hanging = [module for module in strides if isinstance(module, _POOLS) and module.ceil_mode]
        if hanging:
            waiting_pools = iter(hanging)
            insert_before(
                network,
                lambda _, module: module in hanging,
                lambda: _overhang(next(waiting_pools)),
                what="pooling",
            )
        for module, found in strides.items():
            module.stride = (1,) * len(found)  # type: ignore[assignment]  # torch has a type for each number of axes
            if isinstance(module, _POOLS):
                module.ceil_mode = False
        return network


def _strides(module: nn.Module) -> tuple[int, ...]:
    """The stride along each axis of what can leave values out; nothing for other modules."""
    if isinstance(module, _CONVOLUTIONS):
        return module.stride
    return _each(module.stride, _axes(module)) if isinstance(module, _POOLS) else ()


def _axes(pool: nn.Module) -> int:
    return next(axes for axes, kind in enumerate(_POOLS, start=1) if isinstance(pool, kind))


def _each(value: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """A size for each axis."""
    return (value,) * dims if isinstance(value, int) else tuple(value)


class Blur(nn.Module):
    """Binomial blur, then every ``strides``-th value along each axis behind batch and features."""

    def __init__(self, filter_size: int, strides: Sequence[int]) -> None:
        super().__init__()
        total = 2 ** (filter_size - 1)
        self.taps = [math.comb(filter_size - 1, k) / total for k in range(filter_size)]
        self.strides = tuple(strides)

    def forward(
        self, maps: Float[Tensor, "batch features *size"]
    ) -> Float[Tensor, "batch features *smaller"]:
        """The smaller maps."""
        for axis, stride in enumerate(self.strides, start=2):
            if stride > 1:
                maps = self._along(maps.movedim(axis, -1), stride).movedim(-1, axis)
        return maps

    def _along(self, maps: Tensor, stride: int) -> Tensor:
        """Blur the last axis by adding shifted slices: no convolution, which would count as a layer."""
        before, behind = (len(self.taps) - 1) // 2, len(self.taps) // 2
        padded = torch.cat([maps[..., :1]] * before + [maps] + [maps[..., -1:]] * behind, dim=-1)
        length = maps.shape[-1]
        slices = [tap * padded[..., k : k + length : stride] for k, tap in enumerate(self.taps)]
        blurred: Tensor = reduce(torch.add, slices)
        return blurred

    def extra_repr(self) -> str:
        """Taps and strides."""
        return f"filter_size={len(self.taps)}, strides={self.strides}"


class Overhang(nn.Module):
    """What pooling with ceil_mode adds at the end of each axis: minus infinity, as far as its last window hangs over.

    ``axes`` has (window, stride, padding) for each; torch counts a last window that begins on the map or its padding.
    """

    def __init__(self, axes: Sequence[tuple[int, int, int]]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, maps: Float[Tensor, "batch features *size"]) -> Float[Tensor, "batch features *larger"]:
        """The maps with what lies behind their end."""
        pads: list[int] = []
        for length, (window, stride, padding) in zip(maps.shape[2:], self.axes, strict=True):
            full = length + 2 * padding - window  # the start of the last window that hangs nowhere over
            last = -(-full // stride) * stride
            if last >= length + padding:
                last -= stride
            pads = [0, max(0, last - full), *pads]
        return nn.functional.pad(maps, pads, value=-math.inf)


def _overhang(pool: nn.Module) -> Overhang:
    """The overhang of a pooling layer, before its stride is taken away."""
    assert isinstance(pool, _POOLS)
    values = (pool.kernel_size, pool.dilation, pool.stride, pool.padding)
    sides = zip(*(_each(value, _axes(pool)) for value in values), strict=True)
    return Overhang([(step * (side - 1) + 1, stride, padding) for side, step, stride, padding in sides])
