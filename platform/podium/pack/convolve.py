"""Convolutions of all lanes: one after the other, as one with a group for each lane, or on tiny maps as dense products.

Most of a window that is larger than its map lies on padding, and oneDNN is slow there: for 3x3 windows on 2x2 maps of 64
channels and 64 images it takes 1.5 ms forward and backward, a product with a matrix of 256x256 takes 0.3.
"""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from podium.pack.fold import Folded
from podium.pack.form import Form

ALIGNED = 4  # numbers: 16 bytes in single precision


class FoldedConv(Folded, _ConvNd):
    """A convolution for each lane, in the form that is wanted, or as a dense product where that is clearly less."""

    def gather(self, modules: Sequence[nn.Module]) -> None:
        """Nothing differs between the lanes; what a map's size tells is found once."""
        self.selections: dict[torch.Size, tuple[list[int], Tensor]] = {}

    def forward(self, input: Tensor) -> Tensor:
        """Of (lanes * batch, channels, ...)."""
        if self.is_dense(input.shape):
            return self._dense(self.by_lane(input))
        if self.lanes.form is Form.GROUPED and self.padding_mode == "zeros":
            return self._grouped(self.by_lane(input))
        lanes = self.each(input, self.weight, self.bias)
        return torch.cat([self._conv_forward(*lane) for lane in lanes])

    def _grouped(self, input: Tensor) -> Tensor:
        whole = input.transpose(0, 1).flatten(1, 2)
        bias = None if self.bias is None else self.bias.reshape(-1)
        convolve = F.conv1d if input.ndim == 4 else F.conv2d
        found = convolve(
            whole,
            self.weight.flatten(0, 1),
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups * len(self.lanes),
        )
        return self.by_sample(found)

    def is_dense(self, shape: torch.Size) -> bool:
        """Whether inputs of this shape are multiplied with dense matrices.

        Its multiply-adds, those that make the matrices too, must be at most two thirds of the convolution's. Rows must
        fill multiples of 16 bytes: else MKL adds in an order that depends on the lane's place in memory.
        """
        if self.lanes.form is Form.CHANNELS_LAST or self.padding_mode != "zeros" or self.groups > 1:
            return False
        batch, positions, taps = shape[0] // len(self.lanes), shape[2:].numel(), math.prod(self.kernel_size)
        fewer = 3 * positions * (batch + taps) <= 2 * taps * batch
        return fewer and positions * self.in_channels % ALIGNED == 0

    def _dense(self, input: Tensor) -> Tensor:
        """One product for each lane."""
        lanes, _, channels, *size = input.shape
        sizes, selection = self._selection(input.shape[3:])
        taps = self.weight.flatten(3).flatten(1, 2).transpose(1, 2)
        pairs = torch.bmm(selection.expand(lanes, -1, -1), taps)
        pairs = pairs.view(lanes, math.prod(sizes), math.prod(size), self.out_channels, channels)
        found: Tensor = _Product.apply(input.flatten(3), pairs.transpose(2, 3).flatten(3))
        if self.bias is not None:
            found = found + self.bias.view(lanes, 1, -1, 1)
        return found.view(-1, self.out_channels, *sizes)

    def _selection(self, size: torch.Size) -> tuple[list[int], Tensor]:
        """The output's size, and which tap of the window each output position has on each input position, as 0 and 1.

        The matrix is (output positions * input positions, taps).
        """
        if (known := self.selections.get(size)) is not None:
            return known
        pads = self._reversed_padding_repeated_twice[::-1]
        with torch.inference_mode(False):  # validation may be first to see a size
            axes = [
                _seen(*axis)
                for axis in zip(
                    size, self.kernel_size, self.stride, self.dilation, pads[1::2], pads[::2], strict=True
                )
            ]
            selection = reduce(torch.kron, axes).flatten(0, 1).to(self.weight)
        self.selections[size] = [len(axis) for axis in axes], selection
        return self.selections[size]


class _Product(torch.autograd.Function):
    """A sum over channels and positions. Inside, channels lie side by side, so that matrices are made of long runs.

    What comes out, gradients too, lies as a convolution's would. Left to autograd it lay otherwise where there is one lane,
    and other layers would add it up in another order.
    """

    @staticmethod
    def forward(ctx: Any, samples: Tensor, matrices: Tensor) -> Tensor:
        """Of (lanes, batch, channels, positions) and (lanes, outputs, filters, positions * channels)."""
        rows = samples.transpose(2, 3).flatten(2).contiguous()
        ctx.save_for_backward(rows, matrices)
        ctx.channels = samples.shape[2]
        return _channels_first(torch.bmm(rows, matrices.flatten(1, 2).transpose(1, 2)), matrices.shape[2])

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor]:
        """Of the slopes (lanes, batch, filters, outputs)."""
        rows, matrices = ctx.saved_tensors
        slope = slopes[0].transpose(2, 3).flatten(2).contiguous()
        of_samples = _channels_first(torch.bmm(slope, matrices.flatten(1, 2)), ctx.channels)
        return of_samples, torch.bmm(slope.transpose(1, 2), rows).view_as(matrices)


def _channels_first(rows: Tensor, channels: int) -> Tensor:
    """(lanes, batch, positions * channels) as (lanes, batch, channels, positions)."""
    return rows.view(*rows.shape[:2], -1, channels).transpose(2, 3).contiguous()


def _seen(size: int, taps: int, stride: int, dilation: int, before: int, after: int) -> Tensor:
    """Along one axis, whether a tap of the window at an output lies on an input: (outputs, inputs, taps)."""
    count = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
    reached = torch.arange(count).view(-1, 1, 1) * stride - before + torch.arange(taps) * dilation
    return (reached == torch.arange(size).view(-1, 1)).float()


class FoldedConv1d(FoldedConv, nn.Conv1d):
    """Of sequences."""


class FoldedConv2d(FoldedConv, nn.Conv2d):
    """Of images."""
