"""`podium nearest`: the words most like a word by the vectors of a finished run, and analogies."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.analogies import Question, read_analogies
from podium.data.skip_grams import SkipGrams
from podium.metrics.word_vectors import answers, completed, similar
from podium.networks.word2vec import Word2vec
from podium.run.errors import ConfigError, told
from podium.run.evaluate import trained
from podium.run.isolation import isolated

Found = list[tuple[str, float]]


def nearest_command(
    folder: Path, *, word: str | None, analogy: Sequence[str] | None, questions: Path | None, count: int
) -> int:
    """Print neighbours with their cosines, or how many analogies of a file are right.

    Raises:
        ConfigError: not one of the three is asked for, or the run cannot answer.
    """
    asked = {"a word": word, "--analogy": analogy, "--questions": questions}
    given = [name for name, value in asked.items() if value is not None]
    if len(given) != 1:
        raise ConfigError(
            f"a word, --analogy or --questions must be asked for, got {' and '.join(given) or 'none'}; give one of them"
        )
    vectors = word_vectors(folder)
    if questions is not None:
        for score in vectors.scored(questions):
            print(score)
        return 0
    found = vectors.complete(analogy, count) if analogy else vectors.near(word or "", count)
    for other, cosine in found:
        print(f"{cosine:.3f}  {other}")
    return 0


class Score(NamedTuple):
    """How many questions of a section are answered right, and how many hold a word that the run does not know."""

    section: str
    right: int
    asked: int
    unknown: int

    def __str__(self) -> str:
        share = f" ({100 * self.right / self.asked:.1f} %)" if self.asked else ""
        left = f"; {self.unknown:,} more hold a word that the run does not know" if self.unknown else ""
        return f"{self.section}: {self.right:,} of {self.asked:,} right{share}{left}"


@dataclass(frozen=True)
class WordVectors:
    """Words with a vector each, in the order of rows; asked in lower case where the run learned in it."""

    words: list[str]
    vectors: npt.NDArray[np.float32]
    lowercase: bool

    def near(self, word: str, count: int) -> Found:
        """The words most like one.

        Raises:
            ConfigError: it is not known.
        """
        return self._named(similar(self.vectors, self._rows([word])[0], count))

    def complete(self, analogy: Sequence[str], count: int) -> Found:
        """The words to which the third of these is as the first is to the second.

        Raises:
            ConfigError: one is not known.
        """
        return self._named(completed(self.vectors, np.array(self._rows(analogy)), count))

    def scored(self, file: Path) -> list[Score]:
        """Each section of a file of analogies, and all of them together; questions with unknown words are not asked.

        Raises:
            ConfigError: the file is not there, or holds something else.
        """
        with told():
            try:
                sections = read_analogies(file)
            except OSError as error:
                raise ValueError(
                    f"{file} must be a file of analogies, got {error.strerror}; name another"
                ) from None
        scores = [self._score(name or file.name, asked) for name, asked in sections.items()]
        if len(scores) > 1:
            scores.append(Score("all", *(sum(column) for column in list(zip(*scores, strict=True))[1:])))
        return scores

    def _score(self, name: str, questions: Sequence[Question]) -> Score:
        place = {word: row for row, word in enumerate(self.words)}
        rows = [[place.get(self._written(word), -1) for word in question] for question in questions]
        known = np.array([row for row in rows if -1 not in row], dtype=np.int64).reshape(-1, 4)
        right = int((answers(self.vectors, known[:, :3]) == known[:, 3]).sum())
        return Score(name, right, len(known), len(rows) - len(known))

    def _rows(self, words: Sequence[str]) -> list[int]:
        place = {word: row for row, word in enumerate(self.words)}
        for word in words:
            if self._written(word) not in place:
                close = difflib.get_close_matches(self._written(word), self.words, n=1)
                hint = f"did you mean {close[0]}?" if close else "choose one that is in its text often enough"
                raise ConfigError(f"a word must be one that the run knows, got {word}; {hint}")
        return [place[self._written(word)] for word in words]

    def _written(self, word: str) -> str:
        return word.lower() if self.lowercase else word

    def _named(self, rows: list[tuple[int, float]]) -> Found:
        return [(self.words[row], cosine) for row, cosine in rows]


def word_vectors(folder: Path) -> WordVectors:
    """The vectors of the words that a finished run knows.

    Raises:
        ConfigError: the run learned no vectors of words, or its text is another now.
    """
    with isolated():
        record, parts = trained(folder)
        data, network = parts.data, parts.network
        if not isinstance(data, SkipGrams) or not isinstance(network, Word2vec):
            raise ConfigError(
                f"{folder} must be a run that learned vectors of words, got {record.name} on {data.name}; "
                "train one with network=word2vec data=skip_grams"
            )
        if data.fingerprint() != record.data:
            raise ConfigError(
                f"{data.root} must hold the text that the run read, got another; bring it back, or train again"
            )
        words = [data.known[code] for code in data.vocabulary.codes]
        vectors = network.word.weight.detach()[1 : len(words) + 1].numpy()
        return WordVectors(words, vectors, data.words.lowercase)
