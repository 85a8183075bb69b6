"""Skip-grams of plain text of your own: Mikolov, Sutskever, Chen, Corrado and Dean 2013, Distributed representations of
words and phrases and their compositionality, https://arxiv.org/abs/1310.4546; windows that are drawn: Mikolov, Chen,
Corrado and Dean 2013, https://arxiv.org/abs/1301.3781.

An input is a word, one from its window, and noise words; the target is 1 for the word from the window and 0 for noise.

Differs from the papers: which occurrences of frequent words are left out and how wide each window is, is drawn once, so that
an epoch has as many examples as any other (noise is drawn anew); and a word that is left out leaves its place, so that
windows do not reach over it, which Levy, Goldberg and Dagan 2015, https://doi.org/10.1162/tacl_a_00134, found to make
little difference. A noise word is never the true word itself, as in the authors' program.
"""

import json
import logging
import re
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from podium.contracts import Targets
from podium.data.arrays import Arrays, Examples, Indices, Lazy, Source, SplitName
from podium.data.base import DataModule
from podium.data.noise_words import WORDS, Noise, Redrawn, filled
from podium.data.plain_text import read_texts
from podium.data.split import Parts, Split, stream
from podium.data.standardize import Step
from podium.data.symbols import check_symbols, content_of
from podium.data.view import View
from podium.data.vocabulary import UNKNOWN, Vocabulary
from podium.data.word_pairs import PairInputs, Pairs, blocks_of, drawn_pairs
from podium.data.words import Words, word_codes

_LOG = logging.getLogger(__name__)
_WORD = re.compile(r"\w")  # what a word begins with, and no sign does


class SkipGrams(DataModule):
    """A file in UTF-8, or the files *.txt below a folder: set data.root.

    ``data.shape`` is 2 + the number of noise words, ``num_classes`` 1 + that number, the candidates of which one is true.
    Signs are no words. Validation and test split are hundredths of the text, and no pair reaches from one to another.

    Raises:
        ValueError: ``shape`` and ``num_classes`` do not fit, or symbols are no words.
    """

    name = "skip_grams"
    of_symbols: ClassVar[bool] = True
    remedy = "set data.root to your text"
    targets: ClassVar[Targets] = "values"
    vocabulary: Vocabulary
    known: list[str]
    noise: Noise
    _kept: npt.NDArray[np.bool_]

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
        pairs: Pairs,
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
        if len(shape) != 1 or shape[0] <= WORDS or num_classes != shape[0] - 1:
            noise = max(num_classes - 1, 1)
            raise ValueError(
                f"shape and num_classes must be 2 and 1 more than the number of noise words, got {shape} and "
                f"{num_classes}; set data.shape=[{WORDS + noise}] data.num_classes={1 + noise} for {noise}"
            )
        if words.unit != "words":
            raise ValueError(f"words.unit must be words, got {words.unit}; set data.words.unit=words")
        self.words, self.pairs = words, pairs

    def load(self) -> Source:
        """Read the texts and draw the pairs.

        Raises:
            ValueError: there is no text, one that is no UTF-8, or one of fewer than two words.
        """
        check_symbols(self.view)
        texts = [self.words.of(text) for text in read_texts(Path(self.root))]
        kept = [[word for word in text if _WORD.match(word)] for text in texts]
        whole, signs = sum(map(len, kept)), sum(map(len, texts)) - sum(map(len, kept))
        _LOG.info(
            "skip_grams: %s words are read; %s signs between them are left out", f"{whole:,}", f"{signs:,}"
        )
        rows, self.known = word_codes(kept)
        codes, blocks = np.concatenate(rows), blocks_of([len(row) for row in rows])
        centre, context = drawn_pairs(blocks, self.pairs)
        if not len(centre):
            raise ValueError(
                f"{self.root} must hold pairs of words, got none; set data.root to a longer text"
            )
        options = json.dumps({**asdict(self.pairs), "noise": self.num_classes - 1})
        labels = np.zeros((len(centre), self.num_classes), dtype=np.float32)
        labels[:, 0] = 1
        return Source(
            PairInputs(codes=codes, centre=centre, context=context, width=self.shape[0]),
            labels,
            test_start=None,
            content=content_of([*self.known, options], codes, centre, context),
            groups=blocks[centre],
        )

    def measure(self, source: Source, train: Indices) -> tuple[Step, ...]:
        """Find the words of the training split that are frequent enough, and draw which occurrences are kept."""
        inputs = source.inputs
        assert isinstance(inputs, PairInputs)
        codes = inputs.codes[np.unique(inputs.centre[train])]
        counts = np.bincount(codes, minlength=len(self.known))
        frequent = codes[counts[codes] >= self.pairs.min_count]
        self.vocabulary = Vocabulary.of(frequent, size=self.words.number)
        if len(self.vocabulary.codes) < 2:
            raise ValueError(
                f"{self.root} must hold two words that are {self.pairs.min_count} times in the training split, got "
                f"{len(self.vocabulary.codes)}; lower data.pairs.min_count, or set data.root to a longer text"
            )
        counts = counts[self.vocabulary.codes]
        self.noise = Noise.of(counts, power=self.pairs.noise_power)
        numbers = self.vocabulary.encode(inputs.codes)
        chance = np.concatenate([[0.0], self.pairs.chances(counts)])
        drawn = stream(self.pairs.seed, "subsampling").random_sample(len(numbers))
        self._kept = drawn < chance[numbers]
        self._tell(numbers, no_room=len(np.unique(frequent)) - len(self.vocabulary.codes))
        return (self._encoded,)

    def examples(self, split: SplitName) -> Examples:
        """One split as a network sees it: noise of validation and test is the same in every epoch and for every seed."""
        found = super().examples(split)
        if isinstance(found, Lazy):
            whole = found.batch(slice(None))
            pairs = Arrays(whole.input, whole.target, found.index)
            if split == "train":
                self._examples[split] = Redrawn(pairs, self.noise, self.seed)
            else:
                draw = stream(self.pairs.seed, f"noise words for {split}")
                self._examples[split] = filled(pairs, self.noise, draw)
        return self._examples[split]

    def _divided(self) -> tuple[Source, Parts]:
        new = self._parts is None
        source, parts = super()._divided()
        if new:
            assert isinstance(source.inputs, PairInputs)
            kept = self._kept[source.inputs.centre] & self._kept[source.inputs.context]
            parts = self._parts = Parts(*(part[kept[part]] for part in parts))
            for name, part in parts._asdict().items():
                if not len(part):
                    raise ValueError(
                        f"split must leave pairs of known words for {name}, got 0; lower data.pairs.min_count, set "
                        "data.pairs.subsample=null, or set data.root to a longer text"
                    )
            sizes = (sum(map(len, parts)), len(kept))
            _LOG.info("skip_grams: %s of %s pairs are of words that are kept", *(f"{n:,}" for n in sizes))
        return source, parts

    def _tell(self, numbers: Indices, *, no_room: int) -> None:
        """What is known, what is left out, and why."""
        unknown = int((numbers == UNKNOWN).sum())
        _LOG.info(
            "skip_grams: %s words are known, which are %s times or more in the training split; of %s places in the text %s "
            "hold others and are left out, and subsampling leaves out %s",
            *(f"{n:,}" for n in (len(self.vocabulary.codes), self.pairs.min_count, len(numbers), unknown)),
            f"{int((~self._kept).sum()) - unknown:,}",
        )
        if no_room:
            _LOG.warning(
                "skip_grams: %s words are frequent enough and have no room; set data.words.number=%s to keep them",
                f"{no_room:,}",
                len(self.vocabulary.codes) + no_room + 1,
            )

    def _encoded(self, values: Tensor) -> Tensor:
        return torch.from_numpy(self.vocabulary.encode(values.numpy().astype(np.int64))).float()
