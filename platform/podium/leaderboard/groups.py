"""Ensembles on a board: disjoint groups of an entry's seeds, and the blocks of seeds over which two rows are compared.

A row of n members has a value for each group of n seeds, in the board's order; seeds that make no whole group have no part
in it. Two rows are compared over the smallest blocks that are whole groups of both. In a block each row has the mean of its
values there: of an ensemble of 7 and a single network, one ensemble and the mean of its 7 seeds. The blocks are the
replicates of the paired test, so an ensemble that is compared over fewer than ``MIN_SEEDS`` of them is not tested.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from podium.leaderboard.ensemble import make_ensemble
from podium.leaderboard.pairs import Values
from podium.leaderboard.statistics import MIN_SEEDS


@dataclass(frozen=True)
class Group:
    """One ensemble: the seeds of its members, what they score together and cost; null where a member does not count."""

    seeds: tuple[int, ...]
    metrics: dict[str, float] | None
    costs: dict[str, float] | None


def unite(seeds: Sequence[int], folders: Sequence[Path]) -> Group:
    """The ensemble of these seeds, from the folders of those that finished.

    Raises:
        ValueError: predictions are missing or damaged, or are no probabilities of classes.
    """
    if len(folders) < len(seeds):
        return Group(tuple(seeds), None, None)
    found = make_ensemble(folders)
    return Group(tuple(seeds), found.metrics, found.costs)


def aligner(
    values: Sequence[Values], sizes: Sequence[int], seeds: Sequence[int]
) -> Callable[[int, int], tuple[Values, Values] | None]:
    """For two rows by position: their values over common blocks; null where an ensemble has too few to be tested."""

    def align(first: int, second: int) -> tuple[Values, Values] | None:
        size = math.lcm(sizes[first], sizes[second])
        one, other = (_on_blocks(values[k], sizes[k], size, seeds) for k in (first, second))
        return (one, other) if size == 1 or len(one.keys() & other.keys()) >= MIN_SEEDS else None

    return align


def _on_blocks(values: Values, size: int, block: int, seeds: Sequence[int]) -> Values:
    """Means over whole blocks of so many seeds, by a block's first seed, of values over groups of ``size``."""
    if block == size:
        return values
    found = {}
    for start in range(0, len(seeds) - block + 1, block):
        parts = [values[seed] for seed in seeds[start : start + block : size] if seed in values]
        if len(parts) * size == block:
            found[seeds[start]] = math.fsum(parts) / len(parts)
    return found
