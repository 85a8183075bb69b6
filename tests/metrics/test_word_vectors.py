import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from podium.metrics import word_vectors
from podium.metrics.word_vectors import answers, completed, similar

WORDS = ("king", "queen", "man", "woman", "prince", "apple")
VECTORS = np.array(
    [[3, 1, 0], [3, -1, 0], [0.2, 1, 0], [0.2, -1, 0], [3, 0.9, 0.5], [0, 0, 2]], dtype=np.float32
)


def test_neighbours_are_those_of_scikit_learns_cosines_without_the_word_itself():
    draw = np.random.RandomState(0)
    vectors = draw.standard_normal((50, 8)).astype(np.float32)
    cosines = cosine_similarity(vectors)
    for word in (0, 17, 49):
        found = similar(vectors, word, 5)
        wanted = [row for row in np.argsort(-cosines[word]) if row != word][:5]
        assert [row for row, _ in found] == wanted
        assert [cosine for _, cosine in found] == pytest.approx(
            [cosines[word, row] for row in wanted], abs=1e-6
        )


def test_no_more_neighbours_are_found_than_there_are():
    assert len(similar(VECTORS, 0, 100)) == len(WORDS) - 1
    assert len(completed(VECTORS, np.array([0, 1, 2]), 100)) == len(WORDS) - 3
    assert len(completed(VECTORS, np.array([0, 1, 0]), 100)) == len(WORDS) - 2


def test_man_is_to_king_as_woman_is_to_queen():
    question = np.array([WORDS.index(word) for word in ("man", "king", "woman")])
    (first, cosine), *_ = completed(VECTORS, question, 3)
    assert WORDS[first] == "queen"
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    wanted = unit[0] - unit[2] + unit[3]
    assert cosine == pytest.approx(float(unit[1] @ wanted / np.linalg.norm(wanted)), abs=1e-6)


def test_an_answer_is_none_of_the_three_that_it_would_often_be(monkeypatch):
    vectors = np.array([[1, 0, 0.1], [1, 0.1, 0], [0, 1, 0], [0.3, 1, 0.3]], dtype=np.float32)
    questions = np.array([[0, 1, 2]])
    assert answers(vectors, questions).tolist() == [3]
    monkeypatch.setattr(word_vectors.np, "put_along_axis", lambda *_, **__: None)
    assert answers(vectors, questions).tolist() == [2]


def test_many_questions_are_answered_as_one_by_one(monkeypatch):
    draw = np.random.RandomState(1)
    vectors, questions = draw.standard_normal((40, 6)), draw.randint(40, size=(30, 3))
    monkeypatch.setattr(word_vectors, "CHUNK", 7)
    assert answers(vectors, questions).tolist() == [completed(vectors, one, 1)[0][0] for one in questions]
    assert answers(vectors, questions[:0]).shape == (0,)
