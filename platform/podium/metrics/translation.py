"""BLEU: how many runs of one to four words of a translation stand in the true one.

BLEU: a method for automatic evaluation of machine translation (Papineni, Roukos, Ward and Zhu 2002,
https://doi.org/10.3115/1073083.1073135). Follows the paper, with one true translation for each sentence: clipped counts and
lengths are summed over all sentences first, nothing is smoothed. Words are the symbols of the data set, whatever these are.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from podium.metrics import Arrays
from podium.metrics.sequence_to_sequence import UNKNOWN, sequences
from podium.metrics.sequence_to_sequence import evaluate as accuracies

END = 0
RUNS = 4  # the longest run of words that counts
NEITHER = -2  # in place of a true word that no vocabulary holds: nothing that is written equals it


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/bleu``, from 0 to 1, and what ``sequence_to_sequence`` has, from the same arrays.

    Raises:
        ValueError: arrays that are missing or do not fit, or a label without a symbol.
    """
    written, label = sequences(arrays)
    hypotheses = [_words(row) for row in written.tolist()]
    references = [[NEITHER if word == UNKNOWN else word for word in _words(row)] for row in label.tolist()]
    return {"test/bleu": bleu(hypotheses, references), **accuracies(arrays)}


def bleu(hypotheses: Sequence[Sequence[int]], references: Sequence[Sequence[int]]) -> float:
    """BLEU of a whole text: 0 where a run of four words, or of fewer, is nowhere right."""
    found, possible = [0] * RUNS, [0] * RUNS
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        for place in range(RUNS):
            ours, true = Counter(_runs(hypothesis, place + 1)), Counter(_runs(reference, place + 1))
            found[place] += (ours & true).total()
            possible[place] += ours.total()
    if not all(found):
        return 0.0
    precision = math.fsum(math.log(one / all_) for one, all_ in zip(found, possible, strict=True)) / RUNS
    length, true_length = sum(map(len, hypotheses)), sum(map(len, references))
    return math.exp(precision + min(0.0, 1 - true_length / length))


def _words(row: Sequence[int]) -> list[int]:
    return [number for number in row if number not in (END, -1)]


def _runs(words: Sequence[int], length: int) -> Iterator[tuple[int, ...]]:
    return (tuple(words[start : start + length]) for start in range(len(words) - length + 1))
