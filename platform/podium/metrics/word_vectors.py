"""What is like what among vectors of words, by cosine: Mikolov, Yih and Zweig 2013, Linguistic regularities in continuous
space word representations, https://aclanthology.org/N13-1090/. Follows the paper: a is to b as c is to the word whose vector
is nearest to b - a + c, all of length 1, and none of the three is an answer.
"""

import numpy as np
import numpy.typing as npt

from podium.metrics.retrieval import CHUNK, Floats, Integers, directions


def similar(vectors: Floats, word: int, count: int) -> list[tuple[int, float]]:
    """The rows most like one, the most similar first, with their cosines; the row itself is left out."""
    unit = directions(vectors)
    return _best(unit @ unit[word], [word], count)


def completed(vectors: Floats, question: Integers, count: int) -> list[tuple[int, float]]:
    """The rows most like b - a + c for the rows (a, b, c), with their cosines; the three are left out."""
    unit = directions(vectors)
    return _best(unit @ _wanted(unit, question[None])[0], question.tolist(), count)


def answers(vectors: Floats, questions: Integers) -> Integers:
    """The first answer to each question (a, b, c): (questions,)."""
    unit = directions(vectors)
    found = np.empty(len(questions), dtype=np.int64)
    for start in range(0, len(questions), CHUNK):
        asked = questions[start : start + CHUNK]
        likeness = _wanted(unit, asked) @ unit.T
        np.put_along_axis(likeness, asked, -np.inf, axis=1)
        found[start : start + CHUNK] = likeness.argmax(axis=1)
    return found


def _wanted(unit: npt.NDArray[np.float64], questions: Integers) -> npt.NDArray[np.float64]:
    """The directions of b - a + c."""
    a, b, c = (unit[column] for column in questions.T)
    return directions(b - a + c)


def _best(cosines: npt.NDArray[np.float64], without: list[int], count: int) -> list[tuple[int, float]]:
    cosines[without] = -np.inf
    order = np.argsort(-cosines, kind="stable")[: min(count, len(cosines) - len(set(without)))]
    return [(int(row), float(cosines[row])) for row in order]
