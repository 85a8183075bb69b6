"""Convolutions of all lanes: one after the other, as one with a group for each lane, or on tiny maps as dense products.

Most of a window that is larger than its map lies on padding, and oneDNN is slow there: for 3x3 windows on 2x2 maps of 64
channels and 64 images it takes 1.5 ms forward and backward, a product with a matrix of 256x256 takes 0.3.
"""

import math
from collections.abc import Sequence
from functools import reduce

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
        """One product for each lane. Channels lie side by side in it, so that making the matrices copies long runs."""
        lanes, batch, channels, *size = input.shape
        sizes, selection = self._selection(input.shape[3:])
        taps = self.weight.flatten(3).flatten(1, 2).transpose(1, 2)
        pairs = torch.bmm(selection.expand(lanes, -1, -1), taps)
        pairs = pairs.view(lanes, math.prod(sizes), math.prod(size), self.out_channels, channels)
        matrices = pairs.transpose(2, 3).flatten(3).flatten(1, 2)
        columns = input.flatten(3).transpose(2, 3).flatten(2).transpose(1, 2)
        if self.bias is None:
            found = torch.bmm(matrices, columns)
        else:
            bias = self.bias.repeat(1, math.prod(sizes)).unsqueeze(2)
            found = torch.baddbmm(bias, matrices, columns)
        found = found.view(lanes, -1, self.out_channels, batch).permute(0, 3, 2, 1)
        return found.reshape(lanes * batch, self.out_channels, *sizes)

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


def _seen(size: int, taps: int, stride: int, dilation: int, before: int, after: int) -> Tensor:
    """Along one axis, whether a tap of the window at an output lies on an input: (outputs, inputs, taps)."""
    count = (size + before + after - dilation * (taps - 1) - 1) // stride + 1
    reached = torch.arange(count).view(-1, 1, 1) * stride - before + torch.arange(taps) * dilation
    return (reached == torch.arange(size).view(-1, 1)).float()


class FoldedConv1d(FoldedConv, nn.Conv1d):
    """Of sequences."""


class FoldedConv2d(FoldedConv, nn.Conv2d):
    """Of images."""
