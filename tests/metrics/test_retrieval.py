import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from podium.metrics import retrieval
from podium.metrics.retrieval import nearest, recall_at

FEATURES = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 2.0], [0.1, 1.0]])


def test_neighbours_are_the_most_similar_others_by_cosine():
    assert nearest(FEATURES, 2).tolist() == [[1, 3], [0, 3], [3, 1], [2, 1]]


def test_neighbours_agree_with_scikit_learn_whatever_the_size_of_a_part(monkeypatch):
    features = np.random.default_rng(0).normal(size=(60, 5))
    _, theirs = NearestNeighbors(n_neighbors=5, metric="cosine").fit(features).kneighbors()
    assert np.array_equal(nearest(features, 5), theirs)
    monkeypatch.setattr(retrieval, "CHUNK", 7)
    assert np.array_equal(nearest(features, 5), theirs)


def test_the_length_of_a_feature_does_not_count_and_nothing_is_its_own_neighbour():
    assert np.array_equal(nearest(FEATURES * [[5], [1], [9], [2]], 3), nearest(FEATURES, 3))
    assert not (nearest(FEATURES, 3) == np.arange(4)[:, None]).any()


def test_equal_and_empty_features_come_in_order():
    assert nearest(np.zeros((3, 2)), 2).tolist() == [[1, 2], [0, 2], [0, 1]]


def test_recall_counts_queries_with_their_class_among_the_first_k():
    neighbours = np.array([[1, 2], [2, 0], [0, 1]])
    label = np.array([0, 0, 1])
    assert recall_at(label, neighbours, 1) == pytest.approx(1 / 3)
    assert recall_at(label, neighbours, 2) == pytest.approx(2 / 3)


@pytest.mark.parametrize("k", [0, 4])
def test_more_neighbours_than_there_are_others_are_refused(k):
    with pytest.raises(ValueError, match=f"^k must be from 1 to the number of other examples, got {k} "):
        nearest(FEATURES, k)
    with pytest.raises(ValueError, match=f"^k must be from 1 to the neighbours of each example, got {k} "):
        recall_at(np.zeros(4, dtype=int), nearest(FEATURES, 3), k)
