"""How a text becomes symbols: its words and signs, or its characters."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from podium.data.arrays import Indices

TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")  # words, don't among them, and every sign by itself
PART = re.compile(r"\w+|[^\w\s]")  # the same, where an apostrophe is a sign as well


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the symbols are: ``words`` or ``characters``, of which the vocabulary has so many, with the unknown one.

    Raises:
        ValueError: another unit, or too few to have a known one.
    """

    number: int
    unit: Literal["words", "characters"]
    lowercase: bool

    def __post_init__(self) -> None:
        if self.unit not in ("words", "characters"):
            raise ValueError(f"unit must be words or characters, got {self.unit}; set data.words.unit=words")
        if self.number < 2:
            raise ValueError(f"number must be at least 2, got {self.number}; set data.words.number=10000")

    def of(self, text: str) -> list[str]:
        """The symbols of a text, white space left out between words and made one space between characters."""
        text = text.lower() if self.lowercase else text
        return TOKEN.findall(text) if self.unit == "words" else list(" ".join(text.split()))


def spans(text: str) -> list[tuple[int, int]]:
    """Where the words and signs of a text begin and end; an 's is apart, because answers end before it."""
    return [match.span() for match in PART.finditer(text)]


def word_codes(sequences: Sequence[Sequence[str]]) -> tuple[list[Indices], list[str]]:
    """Every sequence as places in the sorted list of all its symbols, and that list."""
    known = sorted(set(chain.from_iterable(sequences)))
    place = {symbol: number for number, symbol in enumerate(known)}
    return [np.array([place[symbol] for symbol in one], dtype=np.int64) for one in sequences], known
