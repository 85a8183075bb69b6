"""Precision, recall and F1 of entities, as the CoNLL-2003 shared task has them: Tjong Kim Sang and De Meulder 2003,
https://aclanthology.org/W03-0419/.

Follows the paper: an entity is found if its type and both its ends are right, and counts are summed over the whole split
before anything is divided. As in its script conlleval, a tag that goes on with an entity which did not begin, or is of
another type, begins one, and what has nothing to be divided by is 0.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

Array = npt.NDArray[Any]
OUTSIDE, NOTHING = 0, -1


class Counts(NamedTuple):
    """Entities: those that are right, those that were given, those that there are."""

    right: int
    given: int
    there: int

    @property
    def precision(self) -> float:
        """The share of right ones among those given."""
        return self.right / self.given if self.given else 0.0

    @property
    def recall(self) -> float:
        """The share of right ones among those that there are."""
        return self.right / self.there if self.there else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.given + self.there) if self.right else 0.0


def evaluate(arrays: Arrays) -> dict[str, float]:
    """``test/f1``, ``test/precision``, ``test/recall``, F1 by type, and ``test/token_accuracy``, by logged name.

    From the true tags ``label`` and the predicted ``tags``, both (examples, length); places of label -1 do not count.

    Raises:
        ValueError: an array is missing, does not fit, or no place counts.
    """
    given, label = needed(arrays, "tags", "label")
    if given.shape != label.shape or label.ndim != 2 or not (label != NOTHING).any():
        raise ValueError(
            f"label and tags must be numbers (examples, length) alike, got {label.shape} and {given.shape}; "
            "pass the arrays of one predictions.npz"
        )
    counted = label != NOTHING
    every = count(given, label)
    types = sorted({int(tag - 1) // 2 for tag in np.unique(label) if tag > OUTSIDE})
    return {
        "test/f1": every.f1,
        "test/precision": every.precision,
        "test/recall": every.recall,
        "test/token_accuracy": float((given == label)[counted].sum() / counted.sum()),
        **{f"test/f1_class_{k}": count(given, label, kind=k).f1 for k in types},
    }


def count(prediction: Array, label: Array, *, kind: int | None = None) -> Counts:
    """Entities of a type, or of all; predictions behind the end of a sentence do not count."""
    there = entities(label)
    given = entities(np.where(label == NOTHING, NOTHING, prediction))
    if kind is not None:
        there, given = ({one for one in found if one[3] == kind} for found in (there, given))
    return Counts(len(there & given), len(given), len(there))


def entities(tags: Array) -> set[tuple[int, int, int, int]]:
    """Row, first place, last place and type of every entity in tags (examples, length)."""
    fenced = np.pad(tags.astype(np.int64), ((0, 0), (1, 1)), constant_values=OUTSIDE)
    inside, kind = fenced > OUTSIDE, (fenced - 1) // 2
    same = inside[:, 1:] & inside[:, :-1] & (kind[:, 1:] == kind[:, :-1])
    goes_on = np.zeros_like(inside)
    goes_on[:, 1:] = same & (fenced[:, 1:] % 2 == 0)
    begins = inside & ~goes_on
    ends = inside.copy()
    ends[:, :-1] &= ~goes_on[:, 1:]
    rows, first = np.nonzero(begins)
    last = np.nonzero(ends)[1]
    return set(
        zip(rows.tolist(), (first - 1).tolist(), (last - 1).tolist(), kind[rows, first].tolist(), strict=True)
    )
