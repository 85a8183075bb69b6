"""What tricks do in a step, for all lanes at once, each with its own strength."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from podium.contracts import Batch, Trick
from podium.pack.average import Average
from podium.pack.errors import Unpackable
from podium.pack.home import chosen
from podium.pack.mixing import Mixing
from podium.pack.network import FoldedNetwork
from podium.tricks.dropout import Dropout
from podium.tricks.early_stopping import EarlyStopping
from podium.tricks.ema import EMA
from podium.tricks.grad_clip import GradClip
from podium.tricks.label_smoothing import LabelSmoothing
from podium.tricks.max_norm import MaxNorm
from podium.tricks.mixup import Mixup
from podium.tricks.penalty import Penalty
from podium.tricks.weight_decay import WeightDecay
from podium.tricks.weights import shrinkable

# what a trick is called by, and the value of it that is a column of all lanes; null: it has none
PACKED: dict[type[Trick], str | None] = {
    Dropout: None,
    EarlyStopping: None,
    EMA: None,
    Mixup: None,
    LabelSmoothing: "smoothing",
    Penalty: "strength",
    GradClip: "max_norm",
    WeightDecay: "decay",
    MaxNorm: "bound",
}
NORM_EPS = 1e-6  # what torch adds to the norm that it divides by


class Edits:
    """The tricks of all lanes in a step. Every lane has the same tricks in the same order.

    ``draws`` are the lanes' random streams on the CPU. ``average`` is that of the weights, where a trick keeps one.

    Raises:
        Unpackable: one of the tricks has no packed form.
    """

    def __init__(
        self,
        tricks: Sequence[Sequence[Trick]],
        folded: FoldedNetwork,
        network: nn.Module,
        draws: Sequence[torch.Generator],
    ) -> None:
        self._strengths: list[tuple[Trick, Tensor]] = []
        self._mixings: list[Mixing] = []
        self.average: Average | None = None
        for of_lanes in zip(*tricks, strict=True):
            first = of_lanes[0]
            if type(first) not in PACKED:
                raise Unpackable(f"the trick {type(first).__name__} cannot be packed")
            if (name := PACKED[type(first)]) is not None:
                values = _column([getattr(trick, name) for trick in of_lanes])
                self._strengths.append((first, values.to(folded.weights.device)))
            if averages := [trick for trick in of_lanes if isinstance(trick, EMA)]:
                self.average = Average(averages, folded)
            if mixups := [trick for trick in of_lanes if isinstance(trick, Mixup)]:
                self._mixings.append(Mixing(mixups, draws))
        smooths = any(isinstance(trick, LabelSmoothing) for trick, _ in self._strengths)
        self.softens = smooths or bool(self._mixings)
        self._folded = folded
        weights = set(shrinkable(network))
        self._shrinkable = [name for name, p in network.named_parameters() if p in weights]
        masks = [torch.full((p.numel(),), float(p in weights)) for p in network.parameters()]
        self._mask = torch.cat(masks).to(folded.weights.device)

    def batch(self, batch: Batch, classes: int) -> Batch:
        """Training examples (lanes * batch, ...) as they are edited: targets are probabilities where a trick edits them."""
        if not self.softens:
            return batch
        batch = Batch(batch.input, nn.functional.one_hot(batch.target, classes).float())
        for mixing in self._mixings:
            batch = mixing.edit_batch(batch)
        return Batch(batch.input, self._smoothed(batch.target))

    def _smoothed(self, soft: Tensor) -> Tensor:
        for trick, smoothing in self._strengths:
            if isinstance(trick, LabelSmoothing):
                share = smoothing.repeat_interleave(len(soft) // len(smoothing), 0)
                soft = (1 - share) * soft + share / soft.shape[1]
        return soft

    def penalize(self, losses: Tensor, gradient: Tensor) -> Tensor:
        """The losses (lanes,) with penalties, whose gradients are added."""
        weights = self._folded.weights.detach()
        for trick, strength in self._strengths:
            if isinstance(trick, Penalty):
                chosen = weights * self._mask
                if trick.power == 1:
                    size, slope = chosen.abs(), chosen.sign()
                else:
                    size, slope = chosen.square(), 2 * chosen
                losses = losses + strength[:, 0] * size.sum(1)
                gradient.addcmul_(slope, strength)
        return losses

    def before_step(self, gradient: Tensor, rate: Tensor) -> None:
        """Clip gradients and shrink weights."""
        for trick, strength in self._strengths:
            if isinstance(trick, GradClip):
                length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
                gradient.mul_((strength / (length + NORM_EPS)).clamp(max=1.0))
            elif isinstance(trick, WeightDecay):
                self._folded.weights.mul_(1 - rate * strength * self._mask)

    def after_step(self) -> None:
        """Bound the weights of units, then move their average."""
        for trick, strength in self._strengths:
            if isinstance(trick, MaxNorm):
                parts = self._folded.parts(self._folded.weights)
                for name in self._shrinkable:
                    _bound(parts[name], strength)
        if self.average is not None:
            self.average.move()

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""
        self._strengths = [(trick, chosen(column, kept)) for trick, column in self._strengths]
        for mixing in self._mixings:
            mixing.select(kept)
        if self.average is not None:
            self.average.select(kept)


def _bound(units: Tensor, bound: Tensor) -> None:
    length = torch.linalg.vector_norm(units, dim=tuple(range(2, units.ndim)), keepdim=True)
    units.mul_((bound.view(-1, *[1] * (units.ndim - 1)) / length).clamp(max=1.0))


def _column(values: Sequence[Any]) -> Tensor:
    return torch.tensor([[float(value)] for value in values])
