"""The characters that a network knows, and their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from podium.data.arrays import Indices

NOTHING = -1  # fills up what is shorter
UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """Code points, or the numbers of words in a list, rising.

    The number of a character is its place, from 1 on; 0 is any other character.
    """

    codes: Indices

    @classmethod
    def of(cls, codes: Indices, *, size: int) -> "Vocabulary":
        """The most frequent characters of these code points, so many with the unknown one; -1 does not count."""
        found, counts = np.unique(codes[codes != NOTHING], return_counts=True)
        kept = np.argsort(-counts, kind="stable")[: size - 1]
        return cls(np.sort(found[kept]).astype(np.int64))

    def encode(self, codes: Indices) -> Indices:
        """Numbers of code points; -1 stays."""
        places = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        numbers = np.where(self.codes[places] == codes, places + 1, UNKNOWN)
        return np.where(codes == NOTHING, NOTHING, numbers)

    def numbers(self, text: str) -> Indices:
        """Numbers of the characters of a text."""
        return self.encode(np.array([ord(character) for character in text], dtype=np.int64))

    def text(self, numbers: Sequence[int]) -> str:
        """The characters of these numbers, an unknown one as a question mark in a diamond."""
        return "".join(
            "\N{REPLACEMENT CHARACTER}" if n == UNKNOWN else chr(self.codes[n - 1]) for n in numbers
        )
