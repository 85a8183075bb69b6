"""Sentences of your own in two languages, a pair in each line, to translate the first into the second.

Either one file with pairs that a tab separates (what stands behind a second tab is left out), or a folder with two files
of as many lines: set data.root. Symbols are words, with marks of punctuation apart, or characters. The vocabulary of each
language is its most frequent symbols in the training split alone; ``num_classes`` is how many, with the end and one number
for all others.
"""

import hashlib
import logging
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from podium.data.arrays import Indices, Source
from podium.data.sequences import Sequences, before_the_end, closed
from podium.data.split import Split
from podium.data.standardize import Step
from podium.data.symbols import check_symbols, filled_up
from podium.data.view import View
from podium.data.vocabulary import NOTHING, Vocabulary
from podium.data.words import PART

_LOG = logging.getLogger(__name__)
_BEHIND_THE_END = 1  # a vocabulary's number of what it does not hold is 0; that is the end's here
Pair = tuple[list[str], list[str]]


class Language(NamedTuple):
    """All symbols of a language, in order, and those of the training split as places in that list."""

    symbols: list[str]
    vocabulary: Vocabulary

    def encode(self, places: Indices) -> Indices:
        """Numbers of places; -1 stays."""
        numbers = self.vocabulary.encode(places)
        return np.where(numbers == NOTHING, NOTHING, numbers + _BEHIND_THE_END)

    def numbers(self, symbols: Sequence[str]) -> list[int]:
        """Numbers of symbols."""
        known = {symbol: place for place, symbol in enumerate(self.symbols)}
        places = [known.get(symbol, len(self.symbols)) for symbol in symbols]
        return [int(n) for n in self.encode(np.array(places, dtype=np.int64))]

    def written(self, numbers: Sequence[int]) -> list[str]:
        """The symbols of these numbers, one that is not known as a question mark in a diamond."""
        codes = self.vocabulary.codes
        places = [n - _BEHIND_THE_END - 1 for n in numbers]
        return [
            self.symbols[codes[place]] if 0 <= place < len(codes) else "\N{REPLACEMENT CHARACTER}"
            for place in places
        ]


class ParallelText(Sequences):
    """Pairs of sentences; ``data.shape`` and ``data.longest`` say how many symbols a sentence may have (the end included).

    In a folder, ``source`` and ``target`` are the names of the two files. Lines that are empty, too long, without a tab
    or no UTF-8 are left out, counted and said.
    """

    name = "parallel_text"
    of_symbols: ClassVar[bool] = True
    remedy = "set data.root to your text"
    source: Language
    target: Language

    def __init__(
        self,
        *,
        shape: list[int],
        num_classes: int,
        checksum: str | None,
        root: str,
        seed: int,
        batch_size: int,
        split: Split,
        view: View,
        longest: int,
        symbols: Literal["words", "characters"],
        files: list[str],
    ) -> None:
        super().__init__(
            shape=shape,
            num_classes=num_classes,
            checksum=checksum,
            root=root,
            seed=seed,
            batch_size=batch_size,
            split=split,
            view=view,
            longest=longest,
        )
        if symbols not in ("words", "characters"):
            raise ValueError(f"symbols must be words or characters, got {symbols}; set data.symbols=words")
        if len(shape) != 1 or shape[0] < 1:
            raise ValueError(
                f"shape must be the most symbols of a sentence, got {shape}; set data.shape=[30]"
            )
        if num_classes < 3:
            raise ValueError(f"num_classes must be at least 3, got {num_classes}; set data.num_classes=5000")
        if len(files) != 2:
            raise ValueError(
                f"files must name two files, got {files}; set data.files=[source.txt,target.txt]"
            )
        self.symbols, self.files = symbols, files

    def load(self) -> Source:
        """Read the pairs that can be used, and number all symbols of each language.

        Raises:
            ValueError: there are no two files of as many lines, or no pair is left; options without meaning for symbols.
        """
        check_symbols(self.view)
        pairs = self._kept(read_pairs(Path(self.root), self.files))
        digest = hashlib.sha256(
            "\n".join("\t".join(" ".join(side) for side in pair) for pair in pairs).encode()
        )
        sides: list[Indices] = []
        self.lists: list[list[str]] = []
        for side, length in enumerate((self.shape[0], self.longest)):
            symbols = sorted({symbol for pair in pairs for symbol in pair[side]})
            place = {symbol: number for number, symbol in enumerate(symbols)}
            sides.append(filled_up([[place[symbol] for symbol in pair[side]] for pair in pairs], length))
            self.lists.append(symbols)
        # the same sentence stands in one split, whatever its translations
        _, groups = np.unique(sides[0], axis=0, return_inverse=True)
        return Source(
            sides[0].astype(np.float32),
            sides[1],
            test_start=None,
            content=digest.hexdigest(),
            groups=groups.reshape(-1).astype(np.int64),
        )

    def check_classes(self, source: Source) -> None:
        """Nothing: whatever a vocabulary does not hold is the unknown symbol."""

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """Find the vocabularies of the training split, and say how much of the text they cover."""
        assert isinstance(source.inputs, np.ndarray)
        sides = source.inputs.astype(np.int64), source.labels
        languages = []
        for title, symbols, places in zip(("source", "target"), self.lists, sides, strict=True):
            vocabulary = Vocabulary.of(places[train], size=self.num_classes - _BEHIND_THE_END)
            languages.append(Language(symbols, vocabulary))
            whole = int((places != NOTHING).sum())
            unknown = int((vocabulary.encode(places) == 0).sum())
            _LOG.info(
                "parallel_text: %s %s of the %s are known, which are in the training split; %s of %s places hold others",
                *(f"{len(vocabulary.codes):,}", self.symbols, title, f"{unknown:,}", f"{whole:,}"),
            )
        self.source, self.target = languages
        return (self._encoded,)

    def encode(self, labels: Indices) -> Indices:
        """The numbers of symbols, with the end behind them."""
        return closed(self.target.encode(labels))

    def _encoded(self, values: Tensor) -> Tensor:
        return torch.from_numpy(self.source.encode(values.numpy().astype(np.int64))).float()

    def text(self, numbers: Sequence[int]) -> str:
        """Words with blanks between them, or characters."""
        written = self.target.written(before_the_end(numbers))
        return (" " if self.symbols == "words" else "").join(written)

    def numbers(self, text: str) -> list[int]:
        """The symbols of a sentence of the source.

        Raises:
            ValueError: there is none.
        """
        return self.source.numbers(self._divided_up(text))

    def _divided_up(self, line: str) -> list[str]:
        line = unicodedata.normalize("NFC", line)
        return PART.findall(line) if self.symbols == "words" else list(" ".join(line.split()))

    def _kept(self, lines: Sequence[tuple[bytes, bytes] | None]) -> list[Pair]:
        """Pairs that can be used; how many cannot, and why, is said."""
        kept: list[Pair] = []
        left: Counter[str] = Counter()
        for line in lines:
            pair, why = self._pair(line)
            left.update([why] if why else [])
            kept += [pair] if pair is not None else []
        if left:
            reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(left.items()))
            _LOG.warning(
                "parallel_text: %s of %s pairs are left out: %s",
                f"{left.total():,}",
                f"{len(lines):,}",
                reasons,
            )
        if not kept:
            raise ValueError(
                f"{self.root} must hold pairs of sentences, got none of {len(lines)} lines that can be used; "
                "set data.root, or raise data.shape and data.longest"
            )
        return kept

    def _pair(self, line: tuple[bytes, bytes] | None) -> tuple[Pair | None, str]:
        if line is None:
            return None, "without a tab"
        try:
            source, target = (self._divided_up(side.decode("utf-8-sig")) for side in line)
        except UnicodeDecodeError:
            return None, "no UTF-8"
        if not source or not target:
            return None, "empty"
        if len(source) > self.shape[0] or len(target) >= self.longest:
            return None, f"longer than {self.shape[0]} or {self.longest - 1} {self.symbols}"
        return (source, target), ""


def read_pairs(root: Path, names: Sequence[str]) -> list[tuple[bytes, bytes] | None]:
    """The two sides of every line; null where a line of one file has no tab.

    Raises:
        ValueError: the files are not there, or differ in their lines.
    """
    if root.is_file():
        sides = (line.split(b"\t") for line in _lines(root))
        return [None if len(parts) < 2 else (parts[0], parts[1]) for parts in sides]
    files = [root / name for name in names]
    if missing := [file for file in files if not file.is_file()]:
        raise ValueError(
            f"{missing[0]} must be a file of sentences, got none; set data.root to a file of pairs, or data.files"
        )
    source, target = (_lines(file) for file in files)
    if len(source) != len(target):
        raise ValueError(
            f"{files[0].name} and {files[1].name} must have as many lines, a pair in each, got {len(source)} and "
            f"{len(target)}; align them"
        )
    return list(zip(source, target, strict=True))


def _lines(file: Path) -> list[bytes]:
    """Lines as they are ended by Unix or Windows, the last one with or without an end."""
    lines = file.read_bytes().split(b"\n")
    return [line.removesuffix(b"\r") for line in (lines[:-1] if lines[-1] == b"" else lines)]
