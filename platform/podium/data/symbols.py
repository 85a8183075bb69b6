"""What data sets of symbols do alike: a vocabulary that the training split alone decides, and rows of equal length."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.standardize import Step
from podium.data.view import View
from podium.data.vocabulary import NOTHING, UNKNOWN, Vocabulary

_LOG = logging.getLogger(__name__)


class SymbolData(DataModule):
    """A data set whose inputs are symbols: sources hold codes of them, which ``measure`` turns into numbers.

    ``kind`` is what people call a symbol, ``vocabulary_size`` how many numbers there are, the unknown one included.
    """

    of_symbols: ClassVar[bool] = True
    kind: str = "characters"
    vocabulary: Vocabulary

    @property
    def vocabulary_size(self) -> int:
        """How many numbers a symbol may have."""
        raise NotImplementedError

    def codes(self, source: Source) -> Indices:
        """The codes that the vocabulary is found in, each once: those of the inputs."""
        assert isinstance(source.inputs, np.ndarray)
        return source.inputs.astype(np.int64)

    def check_options(self, *, example: str) -> None:
        """Refuse options that have no meaning for symbols; ``example`` is what the shape is the length of.

        Raises:
            ValueError: naming the option.
        """
        check_symbols(self.view)
        if len(self.shape) != 1 or self.shape[0] < 1:
            raise ValueError(
                f"shape must be the length of a {example}, got {self.shape}; set data.shape=[100]"
            )

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """Find the vocabulary of the training split, and say how much of the text it covers."""
        codes = self.codes(source)
        self.vocabulary = Vocabulary.of(codes[train], size=self.vocabulary_size)
        if not len(self.vocabulary.codes):
            raise ValueError(
                f"{self.root} must hold text to train on, got none; set data.root to a longer one"
            )
        unknown, whole = (
            int((self.vocabulary.encode(codes) == UNKNOWN).sum()),
            int((codes >= 0).sum()),
        )
        _LOG.info(
            "%s: %s %s are known, which are in the training split; %s of %s places hold others",
            self.name,
            f"{len(self.vocabulary.codes):,}",
            self.kind,
            f"{unknown:,}",
            f"{whole:,}",
        )
        return (self._encoded,)

    def _encoded(self, values: Tensor) -> Tensor:
        return torch.from_numpy(self.vocabulary.encode(values.numpy().astype(np.int64))).float()


def check_symbols(view: View) -> None:
    """Refuse what has no meaning for symbols.

    Raises:
        ValueError: they shall be standardised, or change their places.
    """
    if view.standardize != "none":
        raise ValueError(f"view.standardize must be none for symbols, got {view.standardize}; leave it out")
    if view.permute_seed is not None:
        raise ValueError(f"view.permute_seed must be null for symbols, got {view.permute_seed}; leave it out")


def filled_up(rows: Sequence[Sequence[int] | Indices], length: int) -> Indices:
    """Rows of codes side by side, (rows, length): shorter ones filled up with -1, longer ones cut."""
    table = np.full((len(rows), length), NOTHING, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row[:length]
    return table


def say_cut(name: str, lengths: Sequence[int], length: int, *, what: str) -> None:
    """Say how many examples are longer than the length that is read, and how much of them is not."""
    if over := [size - length for size in lengths if size > length]:
        _LOG.warning(
            "%s: %s of %s %s are longer than %s places and cut there, which loses %.1f %% of all places",
            name,
            f"{len(over):,}",
            f"{len(lengths):,}",
            what,
            f"{length:,}",
            100 * sum(over) / sum(lengths),
        )


def content_of(words: Sequence[str], *arrays: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of words and of the arrays that point at them."""
    digest = hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass"))
    for array in arrays:
        digest.update(f"\n{array.shape}:".encode() + array.astype("<i8").tobytes())
    return digest.hexdigest()
