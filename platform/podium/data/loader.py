"""Batches of an array that is in memory, in an order that depends on (seed, epoch) alone.

Because the order has no hidden state, a run that is resumed at batch k of epoch e sees what the uninterrupted run saw.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from podium.contracts import Batch


class InMemory(Protocol):
    """What a split of an in-memory data set offers."""

    @property
    def input(self) -> Tensor:
        """Samples, (examples, *sample shape)."""

    @property
    def target(self) -> Tensor:
        """Targets, (examples, ...)."""


class BatchLoader:
    """Mini-batches of one split.

    A last batch of a single example joins the batch before it: batch normalisation cannot normalise one example.
    """

    def __init__(self, arrays: InMemory, *, batch_size: int, seed: int, shuffle: bool) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if len(arrays.target) == 0:
            raise ValueError("a split must hold at least one example, got 0; raise data.view.fraction")
        self.arrays = arrays
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.sampler = self.batch_sampler = self  # Lightning announces the epoch to loader.sampler.set_epoch
        self._epoch = 0
        self._resume: tuple[int, int] = (0, 0)
        examples = len(arrays.target)
        lone_last = examples > 1 and batch_size > 1 and examples % batch_size == 1
        self._batches = -(-examples // batch_size) - int(lone_last)

    def __len__(self) -> int:
        """Batches in a whole epoch, also when resuming in the middle of one."""
        return self._batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration uses."""
        self._epoch = epoch

    def resume_at(self, *, epoch: int, batch: int) -> None:
        """Leave out the first batches of one epoch, because they were trained on before the run was interrupted."""
        self._resume = (epoch, batch)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: its body, and so the epoch, is read at the first next() and not when Lightning calls iter().
        order = self._order(self._epoch)
        first = self._resume[1] if self._resume[0] == self._epoch else 0
        for k in range(first, self._batches):
            last = k == self._batches - 1
            stop = None if last else (k + 1) * self.batch_size
            rows = slice(k * self.batch_size, stop)
            if order is None:
                yield Batch(self.arrays.input[rows], self.arrays.target[rows])
            else:
                chosen = order[rows]
                yield Batch(
                    self.arrays.input.index_select(0, chosen), self.arrays.target.index_select(0, chosen)
                )

    def _order(self, epoch: int) -> Tensor | None:
        if not self.shuffle:
            return None
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self.arrays.target), generator=generator)
