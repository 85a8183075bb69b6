"""Batches of one split, in an order that depends on (seed, epoch) alone.

Because the order has no hidden state, a run that is resumed at batch k of epoch e sees what the uninterrupted run saw.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from podium.contracts import Batch
from podium.data.ahead import in_order
from podium.data.arrays import Examples

Rows = Tensor | slice


class BatchLoader:
    """Mini-batches of one split.

    A last batch of a single example joins the batch before it: batch normalisation cannot normalise one example.
    """

    def __init__(self, examples: Examples, *, batch_size: int, seed: int, shuffle: bool) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if len(examples) == 0:
            raise ValueError("a split must hold at least one example, got 0; raise data.view.fraction")
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.sampler = self.batch_sampler = self  # Lightning announces the epoch to loader.sampler.set_epoch
        self._epoch = 0
        self._resume: tuple[int, int] = (0, 0)
        self._share: tuple[int, int] = (0, 1)
        count = len(examples)
        lone_last = count > 1 and batch_size > 1 and count % batch_size == 1
        self._batches = -(-count // batch_size) - int(lone_last)

    def __len__(self) -> int:
        """Batches in a whole epoch, also when resuming in the middle of one."""
        return self._batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration uses."""
        self._epoch = epoch

    def resume_at(self, *, epoch: int, batch: int) -> None:
        """Leave out the first batches of one epoch, because they were trained on before the run was interrupted."""
        self._resume = (epoch, batch)

    def take_share(self, worker: int, *, of: int) -> None:
        """Hand out one worker's part of each batch: together they see the batches that one worker would.

        Raises:
            ValueError: a batch has no example for each worker.
        """
        last = len(self.examples) - (self._batches - 1) * self.batch_size
        smallest = min(self.batch_size, last) if self._batches > 1 else last
        if smallest < of:
            raise ValueError(
                f"every batch must have an example for each of {of} workers, got one of {smallest}; "
                "set data.batch_size, or fewer runtime.devices"
            )
        self._share = (worker, of)

    def __iter__(self) -> Iterator[Batch]:
        # A generator: its body, and so the epoch, is read at the first next() and not when Lightning calls iter().
        first = self._resume[1] if self._resume[0] == self._epoch else 0
        yield from read(self.examples.at(self._epoch), self._rows(self._epoch, first))

    def bounds(self) -> list[tuple[int, int]]:
        """Where each batch of an epoch begins and ends in its order."""
        ends = [*range(self.batch_size, self._batches * self.batch_size, self.batch_size), len(self.examples)]
        return list(zip([0, *ends[:-1]], ends, strict=True))

    def _rows(self, epoch: int, first: int) -> Iterator[Rows]:
        """The rows of each batch from the first on."""
        order = self.order(epoch)
        worker, workers = self._share
        for k in range(first, self._batches):
            last = k == self._batches - 1
            begin = k * self.batch_size + worker
            rows = slice(begin, None if last else (k + 1) * self.batch_size, workers)
            yield rows if order is None else order[rows]

    def order(self, epoch: int) -> Tensor | None:
        """The rows of all examples in the order of an epoch; null: as they are."""
        if not self.shuffle:
            return None
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        return torch.randperm(len(self.examples), generator=generator)


def read(examples: Examples, batches: Iterable[Rows]) -> Iterator[Batch]:
    """The examples of each batch; those that are not in memory are read ahead, each batch by a thread of its own."""
    if examples.ahead == 0:
        yield from map(examples.batch, batches)
        return
    yield from in_order(examples.batch, batches, threads=examples.ahead, ahead=examples.ahead)
