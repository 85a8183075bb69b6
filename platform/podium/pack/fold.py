"""Networks of one shape as one network, whose inputs hold the batches of all lanes one after the other.

A lane is one of those networks. Inputs of the folded network have shape (lanes * batch, ...), the first lane in front, so
that whatever treats each sample alone works as it is: activations, pooling, sums, the forward of a network's own class.
Only what holds weights, statistics of a batch or random masks is exchanged, here. Weights of all lanes are one matrix
(lanes, parameters), in the order of ``named_parameters``; each step hands out views of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from podium.pack.form import Form
from podium.pack.home import CPU, chosen, drawing_from


@dataclass
class Lanes:
    """How many lanes there are, the random stream of each, and where they are; all folded modules look here."""

    generators: list[torch.Generator]
    form: Form = Form.APART
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.generators)


class Folded(nn.Module):
    """A module of all lanes. It takes over everything of one lane's: hooks and what was inserted beside it."""

    lanes: Lanes

    @classmethod
    def of(cls, own: nn.Module, modules: Sequence[nn.Module], lanes: Lanes) -> "Folded":
        """The module that stands for these, one of each lane; ``own`` is a copy of one and becomes a part of it."""
        folded = cls.__new__(cls)
        folded.__dict__.update(own.__dict__)
        folded.lanes = lanes
        for name in own._parameters:
            folded.__dict__[name] = None  # weights are handed out for each step
        folded._parameters = {}
        folded.gather(modules)
        return folded

    def gather(self, modules: Sequence[nn.Module]) -> None:
        """Take what differs between the lanes."""

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""

    def by_lane(self, input: Tensor) -> Tensor:
        """The same values as (lanes, batch, ...)."""
        return input.view(len(self.lanes), -1, *input.shape[1:])

    def each(self, input: Tensor, *of_lanes: Tensor | None) -> Iterator[tuple[Any, ...]]:
        """For each lane its inputs, and its part of these, which may be missing."""
        count = len(self.lanes)
        parts = [[None] * count if whole is None else whole.unbind(0) for whole in of_lanes]
        return zip(input.chunk(count), *parts, strict=True)

    def by_sample(self, whole: Tensor) -> Tensor:
        """(batch, lanes * channels, ...) as (lanes * batch, channels, ...)."""
        parts = whole.view(len(whole), len(self.lanes), -1, *whole.shape[2:])
        return parts.transpose(0, 1).flatten(0, 1)


class FoldedLinear(Folded, nn.Linear):
    """A product of matrices for each lane."""

    def forward(self, input: Tensor) -> Tensor:
        """Of (lanes * batch, ..., features)."""
        rows = input.reshape(len(self.lanes), -1, input.shape[-1])
        weight = self.weight.transpose(1, 2)
        found = (
            torch.bmm(rows, weight)
            if self.bias is None
            else torch.baddbmm(self.bias.unsqueeze(1), rows, weight)
        )
        return found.view(*input.shape[:-1], -1)


class FoldedBatchNorm(Folded, _BatchNorm):
    """Each channel of each lane is a channel of its own."""

    def gather(self, modules: Sequence[nn.Module]) -> None:
        """Stack the running statistics; steps are counted once, because all lanes take the same."""
        self._buffers = dict(self._buffers)
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:
                self._buffers[name] = torch.stack([module.get_buffer(name) for module in modules])
        if self.num_batches_tracked is not None:
            self.num_batches_tracked = self.num_batches_tracked.clone()

    def select(self, kept: Sequence[int]) -> None:
        """Go on with the statistics of these lanes."""
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:
                self._buffers[name] = chosen(buffer, kept)

    def forward(self, input: Tensor) -> Tensor:
        """Of (lanes * batch, channels, ...)."""
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        own = self.running_mean, self.running_var, self.weight, self.bias
        if self.lanes.form is not Form.GROUPED:
            return torch.cat([self._one(*lane) for lane in self.each(input, *own)])
        flat = [None if part is None else part.reshape(-1) for part in own]
        if input.ndim > 2:
            whole = self.by_lane(input).transpose(0, 1).flatten(1, 2)
            return self.by_sample(self._one(whole, *flat))
        # as (1, lanes * channels, batch), each channel's values side by side: torch adds up neighbouring channels of
        # (batch, channels) in another order than the last few, so that a lane's bits would depend on its place
        rows = self.by_lane(input).transpose(1, 2).contiguous().flatten(0, 1).unsqueeze(0)
        found = self._one(rows, *flat).view(len(self.lanes), input.shape[1], -1)
        return found.transpose(1, 2).flatten(0, 1)

    def _one(self, input: Tensor, *own: Tensor | None) -> Tensor:
        mean, var, weight, bias = own
        batchwise = self.training or mean is None
        return F.batch_norm(input, mean, var, weight, bias, batchwise, self.momentum or 0.0, self.eps)


class FoldedPReLU(Folded, nn.PReLU):
    """Slopes of each lane."""

    def forward(self, input: Tensor) -> Tensor:
        """Of (lanes * batch, channels, ...)."""
        lanes = self.by_lane(input)
        slope = self.weight.view(len(self.lanes), 1, -1, *[1] * (input.ndim - 2))
        return torch.where(lanes > 0, lanes, slope * lanes).flatten(0, 1)


class _Masks:
    """Masks of one shape (lanes, ...), written anew in every step."""

    def __init__(self, shape: torch.Size, rates: Sequence[float], device: torch.device) -> None:
        self.whole = torch.ones(shape, device=device)
        kept = torch.tensor([1 - rate for rate in rates])
        self.kept = kept.view(-1, *[1] * (len(shape) - 1))
        lanes = zip(self.whole.unbind(0), rates, strict=True)
        self.drawn = [(k, mask, rate) for k, (mask, rate) in enumerate(lanes) if rate > 0]


class FoldedDropout(Folded, nn.Dropout):
    """Masks that each lane draws from its own stream, as torch's dropout would: nothing where its rate is 0."""

    whole_channels = False
    draw = staticmethod(F.dropout)

    def gather(self, modules: Sequence[nn.Module]) -> None:
        """Take every lane's rate."""
        self.rates = [float(module.p) for module in modules]  # type: ignore[arg-type]  # a Tensor or a Module, to mypy
        self.masks: dict[torch.Size, _Masks] = {}

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes' rates."""
        self.rates = [self.rates[k] for k in kept]
        self.masks = {}

    def forward(self, input: Tensor) -> Tensor:
        """Of (lanes * batch, ...)."""
        if not self.training or not any(self.rates):
            return input
        lanes = self.by_lane(input)
        shape = lanes.shape
        if self.whole_channels:
            shape = torch.Size([*shape[:3], *[1] * (len(shape) - 3)])
        return (lanes * self._mask(shape)).flatten(0, 1)

    def _mask(self, shape: torch.Size) -> Tensor:
        if (masks := self.masks.get(shape)) is None:
            masks = self.masks[shape] = _Masks(shape, self.rates, self.lanes.device)
        if self.lanes.device != CPU:
            return self._drawn_there(masks)
        for k, mask, rate in masks.drawn:
            mask.bernoulli_(1 - rate, generator=self.lanes.generators[k])
        return masks.whole.div_(masks.kept)

    def _drawn_there(self, masks: _Masks) -> Tensor:
        """Masks of another device: there torch's dropout draws in a way of its own, so it draws them itself."""
        for k, mask, rate in masks.drawn:
            with drawing_from(self.lanes.generators[k], mask.device):
                mask.copy_(self.draw(torch.ones_like(mask), rate))
        return masks.whole


class FoldedDropout2d(FoldedDropout):
    """The same with one draw for a whole channel."""

    whole_channels = True
    draw = staticmethod(F.dropout2d)
