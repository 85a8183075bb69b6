"""The symbols that a network knows, and their numbers: characters, words, users and what they rated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from podium.data.arrays import Indices

NOTHING = -1  # fills up what is shorter
UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """Codes of symbols, rising: code points of characters, or places in a list of words.

    The number of a symbol is its place here, from 1 on; 0 is any other symbol. What is below 0 is none, and stays.
    """

    codes: Indices

    @classmethod
    def of(cls, codes: Indices, *, size: int) -> "Vocabulary":
        """The most frequent of these codes, so many with the unknown one."""
        found, counts = np.unique(codes[codes >= 0], return_counts=True)
        kept = np.argsort(-counts, kind="stable")[: size - 1]
        return cls(np.sort(found[kept]).astype(np.int64))

    def encode(self, codes: Indices) -> Indices:
        """Numbers of codes."""
        places = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        numbers = np.where(self.codes[places] == codes, places + 1, UNKNOWN)
        return np.where(codes < 0, codes, numbers)

    def numbers(self, text: str) -> Indices:
        """Numbers of the characters of a text."""
        return self.encode(np.array([ord(character) for character in text], dtype=np.int64))

    def text(self, numbers: Sequence[int]) -> str:
        """The characters of these numbers, an unknown one as a question mark in a diamond."""
        return "".join(
            "\N{REPLACEMENT CHARACTER}" if n == UNKNOWN else chr(self.codes[n - 1]) for n in numbers
        )
