"""Retrieval: the nearest examples by feature, and how often one of them is of the same class.

Recall at k: Jegou, Douze and Schmid 2011, https://doi.org/10.1109/TPAMI.2010.57, with each example as a query among
all others, as is usual for learned features (Oh Song et al. 2016, https://arxiv.org/abs/1511.06452).
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]
CHUNK = 1024  # queries at a time: the similarities of all pairs would not fit


def directions(features: Floats) -> npt.NDArray[np.float64]:
    """Each row with a length of 1; zeros stay as they are."""
    values = features.astype(np.float64)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = values / np.where(length == 0, 1, length)
    return unit


def nearest(features: Floats, k: int) -> Integers:
    """The k most similar other examples of each (examples, k), by cosine, the most similar first.

    Of equally similar ones the earlier stands first. An example without a direction (all features 0) is as similar
    to any as two that are perpendicular.

    Raises:
        ValueError: features that are no table, or fewer than k others.
    """
    if features.ndim != 2 or not 1 <= k < len(features):
        raise ValueError(
            f"k must be from 1 to the number of other examples, got {k} for features {features.shape}"
        )
    unit = directions(features)
    found = np.empty((len(unit), k), dtype=np.int64)
    for start in range(0, len(unit), CHUNK):
        queries = unit[start : start + CHUNK]
        similarity = queries @ unit.T
        similarity[np.arange(len(queries)), np.arange(start, start + len(queries))] = -np.inf
        found[start : start + CHUNK] = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return found


def recall_at(label: Integers, neighbours: Integers, k: int) -> float:
    """The fraction of examples with one of their own class among their k nearest.

    Raises:
        ValueError: labels that do not fit, or fewer than k neighbours.
    """
    if len(label) != len(neighbours) or not 1 <= k <= neighbours.shape[1]:
        raise ValueError(
            f"k must be from 1 to the neighbours of each example, got {k} for {neighbours.shape} and {len(label)} labels"
        )
    return float((label[neighbours[:, :k]] == label[:, None]).any(axis=1).mean())
