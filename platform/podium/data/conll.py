"""Sentences with a tag for each token, in the columns of CoNLL-2003: Tjong Kim Sang and De Meulder 2003, Introduction to the
CoNLL-2003 shared task, https://aclanthology.org/W03-0419/.

A token a line, its columns apart by white space, the word first and the tag last; an empty line between sentences;
-DOCSTART- at the beginning of a document. Whatever marks entities (data/tags.py) is turned into IOB2, numbered so that a
metric needs no names: 0 is outside, 2k + 1 begins an entity of type k and 2k + 2 goes on with one.

A folder with train and test (testb) has published splits; testa, valid or dev join training, from which validation is
carved by whole documents. One file is split by whole documents too; where none are marked, a sentence is one. What is cut,
left out or unknown is counted and said.
"""

import logging
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from podium.contracts import Targets
from podium.data.arrays import Source
from podium.data.split import Split
from podium.data.symbols import SymbolData, content_of, filled_up, say_cut
from podium.data.tags import SCHEMES, Scheme, as_iob2, broken, parts, recognised
from podium.data.view import View
from podium.data.words import Words, word_codes

_LOG = logging.getLogger(__name__)
DOCUMENT = "-DOCSTART-"
# What the name of a file says about its split; the first that fits counts.
SPLITS = (("test", r"testb"), ("validation", r"testa|valid|val|dev"), ("train", r"train"), ("test", r"test"))
TEST_ONLY, IN_TRAINING = "test", ("train", "validation")


@dataclass(frozen=True, kw_only=True)
class Tags:
    """``scheme``: iob1, iob2 or bioes, or auto: the one that the tags fit."""

    scheme: Literal["auto", "iob1", "iob2", "bioes"]

    def __post_init__(self) -> None:
        if self.scheme not in ("auto", *SCHEMES):
            raise ValueError(
                f"scheme must be auto, iob1, iob2 or bioes, got {self.scheme}; set data.tags.scheme=auto"
            )

    def of(self, sentences: list[list[str]], name: str) -> list[list[str]]:
        """All tags in IOB2; the scheme, and how many tags break it, are said."""
        scheme: Scheme = recognised(sentences) if self.scheme == "auto" else self.scheme
        _LOG.info("%s: tags are %s", name, scheme.upper())
        if wrong := broken(sentences, scheme):
            _LOG.warning("%s: %s tags do not stand where %s allows them", name, f"{wrong:,}", scheme.upper())
        return [as_iob2(tags, scheme) for tags in sentences]


class Sentence(NamedTuple):
    """One sentence: its words and tags, and the document and split that it is from."""

    words: list[str]
    tags: list[str]
    document: int
    in_test: bool


class Conll(SymbolData):
    """Your own tagged sentences: set data.root, and data.num_classes to 1 + 2 for each type of entity."""

    name = "conll"
    remedy = "set data.root to your file or folder"
    targets: ClassVar[Targets] = "tags"
    types: list[str]

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
        words: Words,
        tags: Tags,
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
        )
        if words.unit != "words":
            raise ValueError(
                f"words.unit must be words where every word has a tag, got {words.unit}; leave it out"
            )
        self.words = words
        self.kind = words.unit
        self.tags = tags

    @property
    def vocabulary_size(self) -> int:
        """As many as are asked for."""
        return self.words.number

    def load(self) -> Source:
        """Read the sentences, recognise their tags, and number words and tags.

        Raises:
            ValueError: there are none, a tag is none, or there are more or fewer types of entities.
        """
        self.check_options(example="sentence")
        sentences, published = _read(Path(self.root))
        sentences.sort(key=lambda sentence: sentence.in_test)  # keeps the order of each split
        length = self.shape[0]
        say_cut(self.name, [len(one.words) for one in sentences], length, what="sentences")
        tags = self.tags.of([one.tags for one in sentences], self.name)
        self.types = sorted({parts(tag)[1] for one in tags for tag in one} - {""})
        if self.num_classes != (wanted := 1 + 2 * len(self.types)):
            raise ValueError(
                f"num_classes must be {wanted} for the types {', '.join(self.types)} in {self.root}, got "
                f"{self.num_classes}; set data.num_classes={wanted}"
            )
        number = {
            f"{prefix}-{kind}": 2 * k + one
            for k, kind in enumerate(self.types)
            for one, prefix in ((1, "B"), (2, "I"))
        } | {"O": 0}
        fold = str.lower if self.words.lowercase else str
        rows, known = word_codes([[fold(word) for word in one.words[:length]] for one in sentences])
        codes = filled_up(rows, length)
        labels = filled_up([np.array([number[tag] for tag in one]) for one in tags], length)
        start = sum(not one.in_test for one in sentences) if published else None
        groups = np.array([one.document for one in sentences])
        split = np.array([-1 if start is None else start])
        content = content_of([*self.types, *known], codes, labels, groups, split)
        return Source(codes.astype(np.float32), labels, start, content=content, groups=groups)


def _read(root: Path) -> tuple[list[Sentence], bool]:
    """All sentences, and whether there is a published test split.

    Raises:
        ValueError: there are none, or a tag is none.
    """
    files = _files(root)
    sentences: list[Sentence] = []
    counts: Counter[str] = Counter()
    for file, split in files:
        first = sentences[-1].document + 1 if sentences else 0
        sentences += _sentences(file, first, counts, in_test=split == TEST_ONLY)
    if any(split == "validation" for _, split in files):
        _LOG.warning("sentences for validation in %s are for training: validation is carved from these", root)
    for what, number in counts.items():
        _LOG.warning("conll: %s %s", f"{number:,}", what)
    if not sentences:
        raise ValueError(f"{root} must hold sentences of words and tags, got none; set data.root to others")
    return sentences, any(split == TEST_ONLY for _, split in files)


def _files(root: Path) -> list[tuple[Path, str]]:
    """The files with their splits, training first; of one file, none is for testing."""
    if root.is_file():
        return [(root, "train")]
    found: dict[str, Path] = {}
    for file in sorted(path for path in root.glob("*") if path.is_file() and path.name[0] != "."):
        split = next((name for name, pattern in SPLITS if re.search(pattern, file.name.lower())), None)
        if split in found:
            raise ValueError(
                f"{root} must have one file for each split, got {found[split].name} and {file.name} for {split}; "
                "move one away"
            )
        if split is not None:
            found[split] = file
    if "train" not in found:
        raise ValueError(
            f"{root} must be a file of tokens and tags, or a folder with files named after train and test, got "
            "neither; set data.root"
        )
    return [(found[name], name) for name in (*IN_TRAINING, TEST_ONLY) if name in found]


def _sentences(file: Path, document: int, counts: Counter[str], *, in_test: bool) -> list[Sentence]:
    """The sentences of a file, whose documents are numbered from this one on; what is wrong is counted."""
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    whole = True
    lines = file.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    for number, line in enumerate([*lines.split("\n"), ""], start=1):
        columns = line.split()
        if columns and columns[0] != DOCUMENT:
            if len(columns) < 2:
                whole = False
                continue
            words.append(_readable(columns[0], counts))
            tags.append(_checked(columns[-1], file, number))
            continue
        if words and whole:
            sentences.append(Sentence(words, tags, document, in_test))
        elif not whole:
            counts["sentences are left out, which have a line without a tag"] += 1
        words, tags, whole = [], [], True
        if columns and sentences:
            document = sentences[-1].document + 1
    if DOCUMENT in lines:
        return sentences
    return [sentence._replace(document=document + place) for place, sentence in enumerate(sentences)]


def _checked(tag: str, file: Path, line: int) -> str:
    try:
        parts(tag)
    except ValueError as error:
        raise ValueError(f"{file}, line {line}: {error}; mend it") from None
    return tag


def _readable(word: str, counts: Counter[str]) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:
        counts["words are not in UTF-8, and read with a question mark in a diamond"] += 1
        return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return word
