"""Pairs of entries and their differences over common seeds, as arrays: a large board has half a million pairs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Group = tuple[Integers, Floats]  # places of pairs with as many common seeds, their differences (pairs, seeds)
Values = Mapping[int, float]  # seed -> value
Align = Callable[
    [int, int], tuple[Values, Values] | None
]  # two entries by position -> over the same replicates


@dataclass(frozen=True)
class Comparison:
    """A pair of entries by position: mean of first minus second, and the p-value after correction."""

    first: int
    second: int
    difference: float
    p: float


@dataclass(frozen=True)
class Pairs:
    """The pairs of entries that are compared, by position, with their differences over common seeds."""

    first: Integers
    second: Integers
    groups: Sequence[Group]

    @property
    def fewest_seeds(self) -> int:
        """The fewest common seeds of a pair; 0 without pairs."""
        return min((samples.shape[1] for _, samples in self.groups), default=0)

    def compared(self, p_values: Sequence[float]) -> list[Comparison]:
        """The comparisons, with these p-values."""
        found = np.zeros(len(self.first))
        for places, samples in self.groups:
            found[places] = samples.mean(axis=1) if samples.shape[1] else 0.0
        return list(map(Comparison, self.first.tolist(), self.second.tolist(), found.tolist(), p_values))


def pairs_of(entries: Sequence[Values], align: Align | None) -> Pairs:
    """All pairs; those that ``align`` has no values for are left out."""
    if align is None and len({frozenset(values) for values in entries}) == 1:
        first, second = np.triu_indices(len(entries), 1)  # half a million pairs in a second
        table = np.array([[values[seed] for seed in sorted(values)] for values in entries], dtype=np.float64)
        groups = [(np.arange(len(first)), table[first] - table[second])] if len(first) else []
        return Pairs(first, second, groups)
    found = []
    for i, j in combinations(range(len(entries)), 2):
        if (values := align(i, j) if align else (entries[i], entries[j])) is not None:
            found.append((i, j, differences(*values)))
    places = np.array([(i, j) for i, j, _ in found], dtype=np.int64).reshape(-1, 2)
    return Pairs(places[:, 0], places[:, 1], by_seeds([sample for _, _, sample in found]))


def by_seeds(samples: Sequence[Sequence[float]]) -> list[Group]:
    """Samples by their size."""
    sizes = np.array([len(sample) for sample in samples], dtype=np.int64)
    found = []
    for size in np.unique(sizes):
        places = np.flatnonzero(sizes == size)
        found.append((places, np.array([samples[k] for k in places.tolist()], dtype=np.float64)))
    return found


def differences(first: Values, second: Values) -> list[float]:
    """First minus second over the seeds that both have."""
    return [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
