"""Training, validation and test: seeded, stratified, and the same under every version of every library.

All randomness of this room is ``RandomState([seed, purpose]).random_sample``: the stream of RandomState
is frozen by numpy's policy (NEP 19), that of Generator may change with any release, and a changed split
would silently mix up training and test examples of runs that are compared. Orders come from sorting such
numbers, so no shuffling algorithm matters.
"""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from podium.data.arrays import Indices, Source


class Parts(NamedTuple):
    """Positions in the source, rising; no example is in two parts."""

    train: Indices
    validation: Indices
    test: Indices


@dataclass(frozen=True, kw_only=True)
class Split:
    """How a source is divided.

    ``test`` is the share of all examples to test on; null where the data set comes with its own test split.
    ``validation`` is a share of the examples that are not for testing. With ``folds``, in place of that share, they
    are cut into so many parts, and the seed of a run names the one it validates on: the seeds 0 to folds - 1 validate
    once on every example, and the test split stays out of it. Groups of a source are never torn apart, so that sizes
    may miss these shares by half a group.

    ``train_examples`` keeps so many examples of the training part, with its classes in proportion, and leaves the other
    parts as they are. The run's seed draws which: seeds then differ in their examples as in their first weights. It has
    a default, so that records from before there was such a number can be run again.
    """

    validation: float | None
    test: float | None
    folds: int | None
    seed: int
    train_examples: int | None = None

    def __post_init__(self) -> None:
        if (self.validation is None) is (self.folds is None):
            raise ValueError(
                f"validation or folds must be null and the other a number, got {_text(self.validation)} and "
                f"{_text(self.folds)}; set data.split.validation=null with data.split.folds=5"
            )
        if self.validation is not None and not 0 < self.validation < 1:
            raise ValueError(f"validation must be between 0 and 1, got {self.validation}; 0.1 is usual")
        if self.folds is not None and self.folds < 2:
            raise ValueError(f"folds must be null or at least 2, got {self.folds}; 5 is usual")
        if self.test is not None and not 0 < self.test < 1:
            raise ValueError(f"test must be between 0 and 1 or null, got {self.test}; 0.2 is usual")
        if self.train_examples is not None and self.train_examples < 1:
            raise ValueError(
                f"train_examples must be null or at least 1, got {self.train_examples}; 200 are few"
            )
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {self.seed}")

    def divide(self, source: Source, *, run_seed: int = 0) -> Parts:
        """Put every example of the source into one part, but for those that ``train_examples`` leaves out.

        ``run_seed`` names the fold, and counts round.

        Raises:
            ValueError: ``test`` is a number although a test split is published, or null although none is,
                a part would be empty, or the training part holds fewer than ``train_examples``. A published test split
                may be empty: then the source is tested elsewhere.
        """
        examples = len(source.labels)
        if source.test_start is not None and self.test is not None:
            raise ValueError(
                f"test must be null where a test split is published, got {self.test}; set it to null"
            )
        if source.test_start is None and self.test is None:
            raise ValueError(
                "test must be a share where no test split is published, got null; set data.split.test=0.2"
            )
        own = examples if source.test_start is None else source.test_start
        groups = np.arange(own) if source.groups is None else source.groups[:own]
        order, ends = grouped_order(source.strata[:own], groups, stream(self.seed, "split"))
        carved = _nearest(ends, own * self.test) if self.test is not None else 0
        low, high = self._held(ends, carved, run_seed)
        test = order[:carved] if self.test is not None else np.arange(own, examples, dtype=np.int64)
        parts = Parts(np.concatenate([order[carved:low], order[high:]]), order[low:high], test)
        for name, part in parts._asdict().items():
            if len(part) == 0 and not (name == "test" and source.test_start == examples):
                raise ValueError(
                    f"split must leave examples for {name}, got 0 of {examples}; change data.split"
                )
        parts = Parts(*(np.sort(part) for part in parts))
        return parts._replace(train=self._few(parts.train, source.strata, run_seed))

    def _few(self, train: Indices, strata: Indices, run_seed: int) -> Indices:
        """The examples of the training part to train on."""
        if self.train_examples is None:
            return train
        if self.train_examples > len(train):
            raise ValueError(
                f"train_examples must be at most the {len(train)} of the training part, got {self.train_examples}; "
                "lower data.split.train_examples"
            )
        order = stratified_order(strata[train], stream(run_seed, "train_examples"))
        return np.sort(train[order[: self.train_examples]])

    def _held(self, ends: Indices, carved: int, run_seed: int) -> tuple[int, int]:
        """Where the validation part begins and ends in the order, behind what is carved off for testing."""
        rest = int(ends[-1]) - carved
        if self.folds is None:
            assert self.validation is not None
            return carved, _nearest(ends, carved + round(rest * self.validation))
        fold = run_seed % self.folds
        low, high = (_nearest(ends, carved + round(rest * k / self.folds)) for k in (fold, fold + 1))
        return low, high


def _text(value: float | None) -> str:
    return "null" if value is None else str(value)


def grouped_order(labels: Indices, groups: Indices, draw: np.random.RandomState) -> tuple[Indices, Indices]:
    """A stratified order in which each group stands together, and the positions in it where groups end.

    A group counts with its size, in the class of its first example.
    """
    _, first, members, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = stratified_order(labels[first], draw, weights=sizes)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.argsort(rank[members], kind="stable"), np.cumsum(sizes[order])


def _nearest(ends: Indices, wish: float) -> int:
    return int(ends[np.abs(ends - round(wish)).argmin()]) if round(wish) > 0 else 0


def stratified_order(
    labels: Indices, draw: np.random.RandomState, *, weights: Indices | None = None
) -> Indices:
    """A random order of all positions: every prefix, and so every slice, holds the classes in proportion.

    The j-th example of a class of m, in random order, stands at (j + 1/2) / m; ties are broken at random. With
    weights, an example takes as much room as it weighs.
    """
    order = permutation(len(labels), draw)
    shuffled = labels[order]
    weight = np.ones(len(labels)) if weights is None else weights[order]
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(shuffled == label)
        room = np.cumsum(weight[members])
        place[members] = (room - weight[members] / 2) / room[-1]
    return order[np.argsort(place, kind="stable")]


def permutation(size: int, draw: np.random.RandomState) -> Indices:
    """A random order of 0 to size - 1."""
    return np.argsort(draw.random_sample(size), kind="stable").astype(np.int64)


def stream(seed: int, purpose: str) -> np.random.RandomState:
    """The random numbers of one purpose.

    With one stream for all, random labels of the split's seed would know which examples are for training:
    those with the larger numbers.
    """
    return np.random.RandomState([seed, zlib.crc32(purpose.encode())])
