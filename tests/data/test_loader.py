"""Batches whose order depends on the seed and the epoch alone."""

import threading
import time

import pytest
import torch
from torch import Tensor

from podium.contracts import Batch
from podium.data.arrays import Arrays
from podium.data.loader import BatchLoader


def loader(examples: int = 10, *, batch_size: int = 4, seed: int = 0, shuffle: bool = True) -> BatchLoader:
    index = torch.arange(examples)
    arrays = Arrays(input=index[:, None].float(), target=index, index=index)
    return BatchLoader(arrays, batch_size=batch_size, seed=seed, shuffle=shuffle)


def epoch(of: BatchLoader, number: int) -> list[Tensor]:
    of.set_epoch(number)
    return [batch.target for batch in of]


def test_every_example_comes_once_an_epoch_and_inputs_stay_with_targets() -> None:
    seen = loader()
    assert sorted(torch.cat(epoch(seen, 0)).tolist()) == list(range(10))
    assert all(torch.equal(batch.input[:, 0].long(), batch.target) for batch in seen)


def test_the_order_depends_on_seed_and_epoch_and_not_on_what_ran_before() -> None:
    first, second = loader(), loader()
    epoch(second, 0)
    torch.manual_seed(99)
    assert torch.equal(torch.cat(epoch(first, 3)), torch.cat(epoch(second, 3)))
    assert not torch.equal(torch.cat(epoch(first, 3)), torch.cat(epoch(first, 4)))
    assert not torch.equal(torch.cat(epoch(first, 3)), torch.cat(epoch(loader(seed=1), 3)))


def test_iterating_draws_nothing_from_the_global_generator() -> None:
    before = torch.get_rng_state()
    epoch(loader(), 0)
    assert torch.equal(before, torch.get_rng_state())


def test_resuming_leaves_out_the_first_batches_of_that_epoch_only() -> None:
    resumed, whole = loader(), loader()
    resumed.resume_at(epoch=2, batch=1)
    assert torch.equal(torch.cat(epoch(resumed, 2)), torch.cat(epoch(whole, 2)[1:]))
    assert torch.equal(torch.cat(epoch(resumed, 3)), torch.cat(epoch(whole, 3)))
    assert len(resumed) == len(whole) == 3


@pytest.mark.parametrize(
    ("examples", "sizes"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (1, [1]), (3, [3])]
)
def test_a_lone_last_example_joins_the_batch_before_it(examples: int, sizes: list[int]) -> None:
    of = loader(examples)
    assert [len(batch) for batch in epoch(of, 0)] == sizes
    assert len(of) == len(sizes)


def test_without_shuffling_the_order_is_that_of_the_arrays() -> None:
    assert torch.cat(epoch(loader(shuffle=False), 5)).tolist() == list(range(10))


@pytest.mark.parametrize(
    ("examples", "batch_size", "message"), [(0, 4, "at least one example"), (4, 0, "batch_size")]
)
def test_an_empty_split_or_batch_is_refused(examples: int, batch_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loader(examples, batch_size=batch_size)


class Slow:
    """Examples that are read ahead: later batches are ready sooner."""

    ahead = 2

    def __init__(self, examples: int, fails_at: int | None = None) -> None:
        self.index = torch.arange(examples)
        self.fails_at = fails_at
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return len(self.index)

    def at(self, epoch: int) -> "Slow":
        return self

    def batch(self, rows: Tensor | slice) -> Batch:
        chosen = self.index[rows]
        if self.fails_at is not None and self.fails_at in chosen:
            raise OSError("the disk is gone")
        self.threads.add(threading.current_thread().name)
        time.sleep(0.02 / (1 + int(chosen[0])))
        return Batch(chosen[:, None].float(), chosen)


def test_what_is_read_ahead_comes_in_the_same_order_as_from_memory() -> None:
    for shuffle in (True, False):
        slow = Slow(10)
        ahead = BatchLoader(slow, batch_size=3, seed=0, shuffle=shuffle)
        plain = loader(batch_size=3, shuffle=shuffle)
        assert torch.equal(torch.cat(epoch(ahead, 1)), torch.cat(epoch(plain, 1)))
        assert len(slow.threads) == 2
        ahead.resume_at(epoch=2, batch=1)
        assert torch.equal(torch.cat(epoch(ahead, 2)), torch.cat(epoch(plain, 2)[1:]))


def test_reading_ahead_ends_with_the_loop_and_passes_errors_on() -> None:
    before = threading.active_count()
    for _ in BatchLoader(Slow(100), batch_size=3, seed=0, shuffle=True):
        break
    with pytest.raises(OSError, match="the disk is gone"):
        list(BatchLoader(Slow(9, fails_at=4), batch_size=3, seed=0, shuffle=False))
    assert threading.active_count() == before
