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

import torch
from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Trick
from podium.layers.surgery import insert_after

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
        blurs = {module: blur for module in network.modules() if (blur := self._blur_for(module)) is not None}
        waiting = iter(blurs.values())
        insert_after(
            network,
            lambda _, module: module in blurs,
            lambda: next(waiting),
            what="max pooling or a convolution with a stride",
        )
        for module in blurs:
            module.stride = (1,) * len(blurs[module].strides)  # type: ignore[assignment]
            if isinstance(module, _POOLS):
                module.ceil_mode = False
        return network

    def _blur_for(self, module: nn.Module) -> "Blur | None":
        """What has to run behind a module once its stride is 1; None for one that leaves nothing out."""
        if isinstance(module, _CONVOLUTIONS):
            strides, overhang = module.stride, None
        elif isinstance(module, _POOLS):
            dims = next(dims for dims, kind in enumerate(_POOLS, start=1) if isinstance(module, kind))
            strides = _each(module.stride, dims)
            sides = (_each(value, dims) for value in (module.kernel_size, module.padding, module.dilation))
            reach = [step * (side - 1) - border for side, border, step in zip(*sides, strict=True)]
            overhang = reach if module.ceil_mode else None
        else:
            return None
        return Blur(self.filter_size, strides, overhang) if math.prod(strides) > 1 else None


def _each(value: int | Sequence[int], dims: int) -> tuple[int, ...]:
    """A size for each axis."""
    return (value,) * dims if isinstance(value, int) else tuple(value)


class Blur(nn.Module):
    """Binomial blur, then every ``strides``-th value along each axis behind batch and features.

    ``overhang`` is for pooling that rounds sizes up (ceil_mode): how far its windows reach behind its own values less its
    padding. It decides how many windows torch counts.
    """

    def __init__(self, filter_size: int, strides: Sequence[int], overhang: Sequence[int] | None) -> None:
        super().__init__()
        total = 2 ** (filter_size - 1)
        self.taps = [math.comb(filter_size - 1, k) / total for k in range(filter_size)]
        self.strides = tuple(strides)
        self.overhang = None if overhang is None else tuple(overhang)

    def forward(
        self, maps: Float[Tensor, "batch features *size"]
    ) -> Float[Tensor, "batch features *smaller"]:
        """The smaller maps."""
        for axis, stride in enumerate(self.strides):
            if stride > 1:
                maps = self._along(maps, axis, stride)
        return maps

    def _along(self, maps: Tensor, axis: int, stride: int) -> Tensor:
        """Blur one axis by adding shifted slices: no convolution, which would count as a layer."""
        maps = maps.movedim(axis + 2, -1)
        length = maps.shape[-1]
        count = (length - 1) // stride + 1
        if self.overhang is not None:
            count = -(-(length - 1) // stride) + 1
            count -= (count - 1) * stride >= length + self.overhang[axis]
        span = (count - 1) * stride + 1
        before = (len(self.taps) - 1) // 2
        behind = max(0, span + len(self.taps) - 1 - before - length)
        edges = [maps[..., :1]] * before, [maps[..., -1:]] * behind
        padded = torch.cat([*edges[0], maps, *edges[1]], dim=-1)
        slices = (padded[..., k : k + span : stride] for k in range(len(self.taps)))
        blurred = sum(tap * part for tap, part in zip(self.taps, slices, strict=True))
        assert isinstance(blurred, Tensor)
        return blurred.movedim(-1, axis + 2)

    def extra_repr(self) -> str:
        """Taps and strides."""
        return f"filter_size={len(self.taps)}, strides={self.strides}"
