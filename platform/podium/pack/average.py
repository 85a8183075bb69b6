"""The moving averages of all lanes' weights and statistics: what is validated, and what lanes end with."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from podium.pack.home import chosen
from podium.pack.network import FoldedNetwork, of_lane
from podium.tricks.ema import EMA


class Average:
    """The averages that these tricks, one of each lane, would keep. Lanes may differ in decay and in warmup."""

    def __init__(self, tricks: Sequence[EMA], folded: FoldedNetwork) -> None:
        device = folded.weights.device
        self._folded = folded
        self._share = torch.tensor([1 - trick.decay for trick in tricks]).to(device)
        self._warm = torch.tensor([float(trick.warmup) for trick in tricks]).to(device)
        self._updates = 0
        self.held = {name: tensor.clone() for name, tensor in self._live().items()}

    def _live(self) -> dict[str, Tensor]:
        """What is averaged: all weights as one matrix, whose name is empty, and statistics; counts are copied."""
        return {"": self._folded.weights.detach(), **self._folded.buffers()}

    def move(self) -> None:
        """Move every average towards its lane, as a step of the optimizer is over."""
        # 1 - min(decay, (1 + n) / (10 + n)), of numbers that are small and so keep their last digits
        share = torch.maximum(self._share, self._warm * (9 / (10 + self._updates)))
        for name, live in self._live().items():
            if live.ndim == 0:
                self.held[name].copy_(live)
            else:
                self.held[name].lerp_(live, share.view(-1, *[1] * (live.ndim - 1)))
        self._updates += 1

    @contextmanager
    def in_network(self) -> Iterator[None]:
        """Have the averages in the folded network; the live weights come back behind it."""
        live = self._live()
        kept = {name: tensor.clone() for name, tensor in live.items()}
        for name, tensor in live.items():
            tensor.copy_(self.held[name])
        try:
            yield
        finally:
            for name, tensor in live.items():
                tensor.copy_(kept[name])

    def state(self, lane: int) -> dict[str, Tensor]:
        """The average of one lane, as its own network names it; copies."""
        statistics = {name: tensor for name, tensor in self.held.items() if name}
        return of_lane({**self._folded.parts(self.held[""]), **statistics}, lane)

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""
        self._share, self._warm = chosen(self._share, kept), chosen(self._warm, kept)
        self.held = {
            name: chosen(tensor, kept) if tensor.ndim else tensor for name, tensor in self.held.items()
        }
