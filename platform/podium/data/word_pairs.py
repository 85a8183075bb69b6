"""Pairs of words that stand near each other in a text: which are drawn, and how they are kept."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Indices
from podium.data.split import stream
from podium.data.text import BLOCKS
from podium.data.vocabulary import NOTHING

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which pairs of words are learned from.

    A word's window reaches from 1 to ``window`` words to each side, drawn for each. Words that are fewer than
    ``min_count`` times in the training split are left out. An occurrence of a word with the share f of all is left out with
    probability 1 - sqrt(``subsample`` / f); null keeps all. Noise is drawn by counts to the power of ``noise_power``:
    1 is as often as words are, 0 every word alike.

    Raises:
        ValueError: a number is out of its range.
    """

    window: int
    min_count: int
    subsample: float | None
    noise_power: float
    seed: int

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window must be at least 1, got {self.window}; set data.pairs.window=5")
        if self.min_count < 1:
            raise ValueError(
                f"min_count must be at least 1, got {self.min_count}; set data.pairs.min_count=5"
            )
        if self.subsample is not None and not 0 < self.subsample <= 1:
            raise ValueError(
                f"subsample must be null or in (0, 1], got {self.subsample}; set data.pairs.subsample=0.001"
            )
        if not 0 <= self.noise_power <= 1:
            raise ValueError(f"noise_power must be in [0, 1], got {self.noise_power}; 0.75 is the paper's")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be in [0, 2**32), got {self.seed}; set data.pairs.seed=0")

    def chances(self, counts: Indices) -> npt.NDArray[np.float64]:
        """With which probability an occurrence of each word is kept, from the counts of all words."""
        if self.subsample is None:
            return np.ones(len(counts))
        chances: npt.NDArray[np.float64] = np.sqrt(self.subsample * counts.sum() / counts)
        return chances.clip(max=1.0)


class PairInputs:
    """Pairs of places in a text, a row each, with room for noise: codes of both words, then -1.

    ``codes`` are of all words, one text behind the other; ``centre`` and ``context`` are places in them.
    """

    def __init__(self, *, codes: Indices, centre: Places, context: Places, width: int) -> None:
        self.codes, self.centre, self.context = codes, centre, context
        self.shape: tuple[int, ...] = (len(centre), width)
        self.dtype: np.dtype[Any] = np.dtype(np.float32)

    def __len__(self) -> int:
        """Pairs."""
        return len(self.centre)

    def __getitem__(self, rows: Indices) -> npt.NDArray[np.float32]:
        """The rows of these pairs."""
        table = np.full((len(rows), self.shape[1]), NOTHING, dtype=np.float32)
        table[:, 0] = self.codes[self.centre[rows]]
        table[:, 1] = self.codes[self.context[rows]]
        return table


def drawn_pairs(blocks: Indices, pairs: Pairs) -> tuple[Places, Places]:
    """Places of a word and of each word in its window, in the order of the text; windows end where blocks do."""
    places = np.arange(len(blocks), dtype=np.int32)
    reach = 1 + (stream(pairs.seed, "windows").random_sample(len(blocks)) * pairs.window).astype(np.int64)
    found = []
    for offset in [*range(-pairs.window, 0), *range(1, pairs.window + 1)]:
        inside = places[max(0, -offset) : max(0, len(places) - max(0, offset))]
        near = (reach[inside] >= abs(offset)) & (blocks[inside] == blocks[inside + offset])
        found.append((inside[near], (inside + offset)[near]))
    centre, context = (np.concatenate(side) for side in zip(*found, strict=True))
    order = np.argsort(centre, kind="stable")
    return centre[order], context[order]


def blocks_of(lengths: list[int]) -> Indices:
    """The hundredth of all texts that each word stands in; texts do not share any."""
    size = max(2, sum(lengths) // BLOCKS)
    numbers, first = [], 0
    for length in lengths:
        numbers.append(first + np.arange(length) // size)
        first += -(-length // size)
    return np.concatenate(numbers)
