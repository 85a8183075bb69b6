"""What data sets do alike whose questions are answered by a span of a paragraph.

An input is a question and, behind it, its paragraph: the last ``num_classes`` of the ``shape`` places, in which an answer
may begin and end. Each is filled up with -1 to its own length, or cut there. Words keep where they stand in the text, so
that an answer is a part of the text itself, however it is written.
"""

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from podium.contracts import END, FILLING, Targets
from podium.data.arrays import Indices, Source
from podium.data.articles import Question, Reading
from podium.data.split import Split
from podium.data.symbols import SymbolData, content_of, filled_up, say_cut
from podium.data.view import View
from podium.data.words import Words, spans, word_codes
from podium.metrics.span_reading import normal_words, word_number

_LOG = logging.getLogger(__name__)
Places = list[tuple[int, int]]  # where words begin and end
NOWHERE = (FILLING, FILLING)


class Asked(NamedTuple):
    """A question with the places of its answer's first and last word."""

    question: Question
    span: tuple[int, int]


class SpanData(SymbolData):
    """Questions, paragraphs and answers. A subclass says by ``read`` where they come from.

    Raises:
        ValueError: symbols shall be characters.
    """

    targets: ClassVar[Targets] = "spans"
    kind = "words"

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
            raise ValueError(f"words.unit must be words where answers are, got {words.unit}; leave it out")
        self.words = words

    @property
    def vocabulary_size(self) -> int:
        """As many as are asked for."""
        return self.words.number

    @abstractmethod
    def read(self) -> Reading:
        """Articles and questions as published.

        Raises:
            ValueError: files are missing or damaged.
        """

    def load(self) -> Source:
        """Read, find the words of every answer, and number words.

        Raises:
            ValueError: there is no question that can be used, or no room for one in front of its paragraph.
        """
        self.check_options(example="question and its paragraph")
        length, extent = self._room
        reading = self.read()
        self._paragraphs = reading.paragraphs
        self._places = [spans(text) for text in reading.paragraphs]
        say_cut(self.name, [len(one) for one in self._places], extent, what="paragraphs")
        asked, test_start = self._asked(reading)
        self._paragraph_of = [one.question.paragraph for one in asked]
        texts = [one.question.text for one in asked]
        where = [spans(text) for text in texts]
        say_cut(self.name, [len(one) for one in where], length, what="questions")
        read = [
            self._written(text, at[:extent]) for text, at in zip(self._paragraphs, self._places, strict=True)
        ]
        rows, known = word_codes([*read, *(self._written(*one) for one in zip(texts, where, strict=True))])
        self._codes = {word: code for code, word in enumerate(known)}
        paragraphs = filled_up(rows[: len(read)], extent).astype(np.float32)
        questions = filled_up(rows[len(read) :], length).astype(np.float32)
        codes = np.concatenate([questions, paragraphs[self._paragraph_of]], axis=1)
        labels = self._labels(asked)
        titles = np.array([reading.titles[number] for number in self._paragraph_of])
        groups = np.unique(titles, return_inverse=True)[1].reshape(-1).astype(np.int64)
        split = np.array([-1 if test_start is None else test_start])
        return Source(
            codes, labels, test_start, content=content_of(known, codes, labels, groups, split), groups=groups
        )

    def check_classes(self, source: Source) -> None:
        """Nothing: answers that are not in the paragraph's places have none."""

    @property
    def _room(self) -> tuple[int, int]:
        """The places of a question, and those of its paragraph."""
        length = self.shape[0] - self.num_classes
        if length < 1:
            raise ValueError(
                f"shape must be the places of a question and then of its paragraph, whose num_classes are the last, got "
                f"{self.shape} and {self.num_classes}; set data.shape=[440] data.num_classes=400"
            )
        return length, self.num_classes

    def _written(self, text: str, places: Places) -> list[str]:
        text_of = str.lower if self.words.lowercase else str
        return [text_of(text[begin:end]) for begin, end in places]

    def _asked(self, reading: Reading) -> tuple[list[Asked], int | None]:
        """Questions with the places of their answers, and where those for testing begin; what is wrong is counted and said.

        A question for testing whose answer is not read stays, and is wrong; others are left out.
        """
        counts, asked, test_start = Counter(reading.counts), list[Asked](), None
        for number, question in enumerate(reading.questions):
            if number == reading.test_start:
                test_start = len(asked)
            found = self._span(question)
            if found is not None:
                counts["answers begin or end inside a word, and are learned as the whole word"] += found[2]
                asked.append(Asked(question, found[:2]))
            elif test_start is None:
                counts["questions are left out, whose answer stands where their paragraph is cut off"] += 1
            else:
                counts["questions for testing cannot be answered, as their paragraph is cut off before"] += 1
                asked.append(Asked(question, NOWHERE))
        for what, count in (+counts).items():
            _LOG.warning("%s: %s %s", self.name, f"{count:,}", what)
        if not asked:
            raise ValueError(
                f"{self.root} must hold questions with answers, got none; set data.root to others"
            )
        return asked, len(asked) if reading.test_start == len(reading.questions) else test_start

    def _span(self, question: Question) -> tuple[int, int, bool] | None:
        """The first answer that is read: its first and last word, and whether they are more than the answer."""
        places = self._places[question.paragraph]
        begins, ends = np.array(places).T
        for begin, end in question.answers:
            first = int(np.searchsorted(ends, begin, side="right"))
            last = int(np.searchsorted(begins, end, side="left")) - 1
            if first <= last < self.num_classes:
                return first, last, bool(begins[first] < begin or ends[last] > end)
        return None

    def _labels(self, asked: Sequence[Asked]) -> Indices:
        """The number of every question, the places of its answer, and the words of all true answers."""
        rows = []
        for number, (question, span) in enumerate(asked):
            text = self._paragraphs[question.paragraph]
            true = dict.fromkeys(tuple(normal_words(text[begin:end])) for begin, end in question.answers)
            words = [each for answer in true for each in (*map(word_number, answer), END)]
            rows.append([number, *span, *words])
        return filled_up(rows, max(map(len, rows)))

    def answer(self, number: int, first: int, last: int) -> str:
        """The text of the paragraph of this example, from one word to another."""
        paragraph = self._paragraph_of[number]
        within = self._places[paragraph][first : last + 1]
        return self._paragraphs[paragraph][within[0][0] : within[-1][1]] if within else ""

    def numbers(self, question: str, paragraph: str) -> Int[Tensor, "1 places"]:
        """Words of a question and of a paragraph as a network reads them, once the vocabulary is known.

        Raises:
            ValueError: one has no words, or too many.
        """
        rows = []
        for what, text, room in zip(
            ("question", "paragraph"), (question, paragraph), self._room, strict=True
        ):
            words = self._written(text, spans(text))
            if not 0 < len(words) <= room:
                raise ValueError(f"the {what} must have from 1 to {room} words, got {len(words)}; shorten it")
            places = np.array([self._codes.get(word, len(self._codes)) for word in words])
            rows.append(filled_up([self.vocabulary.encode(places)], room))
        return torch.from_numpy(np.concatenate(rows, axis=1))

    def answer_words(
        self, numbers: Int[Tensor, " batch"], spans: Int[Tensor, "batch 2"], *, width: int
    ) -> Int[Tensor, "batch words"]:
        """The words in spans of these examples, as numbers, filled up with -1 to so many."""
        texts = (
            self.answer(number, *span) for number, span in zip(numbers.tolist(), spans.tolist(), strict=True)
        )
        rows = [[word_number(word) for word in normal_words(text)] for text in texts]
        return torch.from_numpy(filled_up(rows, width))
