"""Texts of your own with a class each, as sequences of words or characters.

Folders (a class each; below ``train`` and ``test`` where the splits are published, as those of Maas et al. 2011, Learning
word vectors for sentiment analysis, https://aclanthology.org/P11-1015/), a table, or ``train`` and ``test`` of these: see
podium/data/text_files.py. A text is cut at the length of ``data.shape`` or filled up with -1; its vocabulary is the most
frequent words of the training split. What is left out, cut or unknown is counted and said.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from podium.data.arrays import Source
from podium.data.classes import by_class
from podium.data.split import Split
from podium.data.symbols import SymbolData, content_of, filled_up, say_cut
from podium.data.text_files import read_texts
from podium.data.view import View
from podium.data.words import Words, word_codes

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a table that hold ``text`` and ``label``, and the classes that are not for learning."""

    text: str
    label: str
    leave_out: list[str]


class LabelledText(SymbolData):
    """Your own texts: set data.root, data.num_classes and, for tables, data.columns."""

    name = "labelled_text"
    remedy = "set data.root to your texts"
    class_names: list[str]

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
        columns: Columns,
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
        self.words = words
        self.kind = words.unit
        self.columns = columns

    @property
    def vocabulary_size(self) -> int:
        """As many as are asked for."""
        return self.words.number

    def load(self) -> Source:
        """Read the texts, sort them into classes and splits, and make symbols of them.

        Raises:
            ValueError: there are no texts, or classes and columns are not as they should be.
        """
        self.check_options(example="text")
        found = read_texts(Path(self.root), text=self.columns.text, label=self.columns.label)
        texts = [text for text in found.texts if text.kind not in self.columns.leave_out]
        if len(texts) < len(found.texts):
            _LOG.info(
                "labelled_text: %s texts of %s are left out, as data.columns.leave_out says",
                f"{len(found.texts) - len(texts):,}",
                ", ".join(self.columns.leave_out),
            )
        arranged = by_class(
            [text.kind for text in texts],
            np.array([text.in_test for text in texts], dtype=np.bool_),
            declared=(),
            num_classes=self.num_classes,
            where=self.root,
            published=found.published,
        )
        self.class_names = arranged.class_names
        symbols = [self.words.of(texts[place].text) for place in arranged.files.tolist()]
        length = self.shape[0]
        say_cut(self.name, [len(one) for one in symbols], length, what="texts")
        rows, known = word_codes([one[:length] for one in symbols])
        codes = filled_up(rows, length)
        split = np.array([-1 if arranged.test_start is None else arranged.test_start])
        content = content_of([*arranged.class_names, *known], codes, arranged.labels, split)
        return Source(codes.astype(np.float32), arranged.labels, arranged.test_start, content=content)
