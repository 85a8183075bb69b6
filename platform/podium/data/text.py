"""Plain text of your own, as sequences of characters of which each is to be predicted from those before it.

A text is cut into windows of ``data.shape`` characters, the last one of a file being filled up with -1. Windows that stand
together stay together: validation and test split are hundredths of the text, drawn at random. The vocabulary is the most
frequent characters of the training split; ``num_classes`` is how many, with one number for all others.
"""

import logging
from pathlib import Path
from typing import ClassVar

import numpy as np

from podium.contracts import Targets
from podium.data.arrays import Indices, Source
from podium.data.plain_text import read_texts
from podium.data.symbols import SymbolData
from podium.data.vocabulary import NOTHING

_LOG = logging.getLogger(__name__)
BLOCKS = 100  # of windows, that no split tears apart


class Text(SymbolData):
    """A file in UTF-8, or the files *.txt below a folder: set data.root, and data.shape to the length of a window."""

    name = "text"
    remedy = "set data.root to your text"
    targets: ClassVar[Targets] = "symbols"

    @property
    def vocabulary_size(self) -> int:
        """As many as there are classes to predict."""
        return self.num_classes

    def codes(self, source: Source) -> Indices:
        """Those of the targets: windows overlap by a character, which inputs would count twice."""
        return source.labels

    def load(self) -> Source:
        """Read the files and cut them into windows.

        Raises:
            ValueError: there is no text, or one that is no UTF-8; options that have no meaning for symbols.
        """
        self.check_options(example="window")
        parts = [_windows(codes, self.shape[0]) for codes in _codes(Path(self.root))]
        size = max(1, sum(map(len, parts)) // BLOCKS)
        groups, first = [], 0
        for part in parts:
            groups.append(first + np.arange(len(part)) // size)
            first = int(groups[-1][-1]) + 1
        windows = np.concatenate(parts)
        inputs, labels = windows[:, :-1].astype(np.float32), windows[:, 1:]
        return Source(inputs, labels, test_start=None, groups=np.concatenate(groups))

    def check_classes(self, source: Source) -> None:
        """Nothing: whatever the vocabulary does not hold is the unknown character."""

    def encode(self, labels: Indices) -> Indices:
        """The numbers of characters."""
        return self.vocabulary.encode(labels)


def _codes(root: Path) -> list[Indices]:
    """The code points of every file."""
    return [np.array([ord(character) for character in text], dtype=np.int64) for text in read_texts(root)]


def _windows(codes: Indices, length: int) -> Indices:
    """Windows of length + 1 that overlap by one character, (windows, length + 1)."""
    count = -(-(len(codes) - 1) // length)
    filled = np.full(count * length + 1, NOTHING, dtype=np.int64)
    filled[: len(codes)] = codes
    windows: Indices = filled[np.arange(count)[:, None] * length + np.arange(length + 1)]
    return windows
