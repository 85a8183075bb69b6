"""Plain text of your own, as sequences of characters of which each is to be predicted from those before it.

A text is cut into windows of ``data.shape`` characters, the last one of a file being filled up with -1. Windows that stand
together stay together: validation and test split are hundredths of the text, drawn at random. The vocabulary is the most
frequent characters of the training split; ``num_classes`` is how many, with one number for all others.
"""

import logging
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from podium.contracts import Targets
from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.plain_text import read_texts
from podium.data.standardize import Step
from podium.data.vocabulary import NOTHING, UNKNOWN, Vocabulary, refuse_standardizing

_LOG = logging.getLogger(__name__)
BLOCKS = 100  # of windows, that no split tears apart


class Text(DataModule):
    """A file in UTF-8, or the files *.txt below a folder: set data.root, and data.shape to the length of a window."""

    name = "text"
    remedy = "set data.root to your text"
    targets: ClassVar[Targets] = "symbols"
    vocabulary: Vocabulary

    def load(self) -> Source:
        """Read the files and cut them into windows.

        Raises:
            ValueError: there is no text, or one that is no UTF-8; options that have no meaning for symbols.
        """
        refuse_standardizing(self.view)
        if len(self.shape) != 1 or self.shape[0] < 1:
            raise ValueError(f"shape must be the length of a window, got {self.shape}; set data.shape=[100]")
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

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """Find the vocabulary of the training split, and say how much of the text it covers."""
        self.vocabulary = Vocabulary.of(source.labels[train], size=self.num_classes)
        if not len(self.vocabulary.codes):
            raise ValueError(
                f"{self.root} must hold text to train on, got none; set data.root to a longer one"
            )
        unknown = int((self.vocabulary.encode(source.labels) == UNKNOWN).sum())
        whole = int((source.labels != NOTHING).sum())
        _LOG.info(
            "text: %s characters are known, which are in the training split; %s of %s places hold others",
            *(f"{number:,}" for number in (len(self.vocabulary.codes), unknown, whole)),
        )
        return (self._encoded,)

    def encode(self, labels: Indices) -> Indices:
        """The numbers of characters."""
        return self.vocabulary.encode(labels)

    def _encoded(self, values: Tensor) -> Tensor:
        return torch.from_numpy(self.vocabulary.encode(values.numpy().astype(np.int64))).float()


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
