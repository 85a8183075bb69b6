"""Noise words of negative sampling, drawn by the counts of words to a power, anew in each epoch of training."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from podium.contracts import Batch
from podium.data.arrays import Arrays, Indices
from podium.data.split import stream

WORDS = 2  # of an input that are no noise: the word in the middle, and one from its window


@dataclass(frozen=True)
class Noise:
    """Words from 1 on; ``up_to`` is the probability of each word and all before it."""

    up_to: npt.NDArray[np.float64]

    @classmethod
    def of(cls, counts: Indices, *, power: float) -> "Noise":
        """Words in proportion to their counts to this power."""
        weights = counts.astype(np.float64) ** power
        rising = np.cumsum(weights) / weights.sum()
        rising[-1] = 1.0
        return cls(rising)

    def draw(self, true: Indices, count: int, draw: np.random.RandomState) -> Indices:
        """So many words for each true one, none of which is the true one itself: (true, count).

        What is drawn are places on a line from 0 to 1 without the stretch of the true word.
        """
        end = self.up_to[true - 1][:, None]
        begin = np.where(true > 1, self.up_to[true - 2], 0.0)[:, None]
        places = draw.random_sample((len(true), count)) * (begin + (1.0 - end))
        places = np.where(places < begin, places, end + (places - begin))
        found = 1 + np.searchsorted(self.up_to, places, side="right")
        return np.minimum(found, len(self.up_to))  # a sum that is rounded up to 1 is the last word


def filled(pairs: Arrays, noise: Noise, draw: np.random.RandomState) -> Arrays:
    """The same pairs with noise words in the places behind them."""
    input = pairs.input.clone()
    true = input[:, WORDS - 1].numpy().astype(np.int64)
    input[:, WORDS:] = torch.from_numpy(noise.draw(true, input.shape[1] - WORDS, draw)).float()
    return replace(pairs, input=input)


@dataclass(frozen=True)
class Redrawn:
    """A training split whose noise words are others in each epoch; they depend on (seed, epoch) alone."""

    pairs: Arrays
    noise: Noise
    seed: int
    ahead: int = 0

    @property
    def index(self) -> Tensor:
        """The places in the source, (n,)."""
        return self.pairs.index

    @property
    def target(self) -> Tensor:
        """The targets of all examples, (n, candidates)."""
        return self.pairs.target

    def __len__(self) -> int:
        """Examples."""
        return len(self.pairs)

    def at(self, epoch: int) -> Arrays:
        """What an epoch sees."""
        return filled(self.pairs, self.noise, stream(self.seed, f"noise words of epoch {epoch}"))

    def batch(self, rows: Tensor | slice) -> Batch:
        """The examples of these rows as the first epoch sees them."""
        return self._first.batch(rows)

    @cached_property
    def _first(self) -> Arrays:
        return self.at(0)
