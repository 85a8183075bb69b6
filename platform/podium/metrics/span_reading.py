"""Exact match and F1 of answers, as SQuAD has them: Rajpurkar, Zhang, Lopyrev and Liang 2016, SQuAD: 100,000+ questions for
machine comprehension of text, https://arxiv.org/abs/1606.05250.

Follows the paper and its script: answers are compared in small letters, without signs of punctuation (ASCII), articles and
white space; F1 is that of words, each as often as it stands there; of several true answers the one that fits best counts,
for either number by itself. Of answers that have no words left, which the paper leaves open, both numbers say whether
they are equal (the script of SQuAD 2.0).

Words travel as numbers, so that predictions are plain arrays: 63 bits of their SHA-256.
"""

import hashlib
import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

Array = npt.NDArray[Any]
ARTICLE = re.compile(r"\b(a|an|the)\b")
SIGNS = str.maketrans("", "", string.punctuation)
END, NOTHING = 0, -1
FIRST_WORD = 3  # of a label, behind the example's number and the two places of its answer


def normal_words(text: str) -> list[str]:
    """The words of an answer that are compared."""
    return ARTICLE.sub(" ", text.lower().translate(SIGNS)).split()


def word_number(word: str) -> int:
    """The number that stands for a word: positive, below 2^63."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8]) % (2**63 - 1) + 1


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/exact_match`` and ``test/f1``, means over examples.

    From ``answer``, the numbers of the words that were given (examples, words), and ``label``: behind its first three
    columns the numbers of every true answer's words, each answer closed by 0. Both are filled up with -1.

    Raises:
        ValueError: arrays that are missing or do not fit, or an example without a true answer.
    """
    answer, label = needed(arrays, "answer", "label")
    fits = answer.ndim == label.ndim == 2 and 0 < len(answer) == len(label)
    if not fits or not (label[:, FIRST_WORD:] == END).any(axis=1).all():
        raise ValueError(
            f"answer and label must be (examples, words) with true answers, got {answer.shape} and {label.shape}; "
            "pass the arrays of one predictions.npz"
        )
    exact_match, f1 = marks(answer, label)
    return {"test/exact_match": float(exact_match.mean()), "test/f1": float(f1.mean())}


def marks(answer: Array, label: Array) -> tuple[Array, Array]:
    """Exact match and F1 of each example."""
    exact_match, f1 = np.zeros(len(label)), np.zeros(len(label))
    for row, (given, true) in enumerate(zip(answer.tolist(), label[:, FIRST_WORD:].tolist(), strict=True)):
        words = [word for word in given if word != NOTHING]
        references = list(_closed(true))
        exact_match[row] = max(words == reference for reference in references)
        f1[row] = max(word_f1(words, reference) for reference in references)
    return exact_match, f1


def word_f1(given: Sequence[int], true: Sequence[int]) -> float:
    """The harmonic mean of precision and recall of words; of no words, whether there are none."""
    if not given or not true:
        return float(given == true)
    return 2 * (Counter(given) & Counter(true)).total() / (len(given) + len(true))


def _closed(row: Sequence[int]) -> Iterator[list[int]]:
    """The answers of a row, each up to its end."""
    words: list[int] = []
    for word in row:
        if word == END:
            yield words
            words = []
        elif word != NOTHING:
            words.append(word)
