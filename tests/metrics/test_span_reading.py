"""Exact match and F1 by hand, as SQuAD's script has them, and beside torchmetrics."""

import random

import numpy as np
import pytest
from torchmetrics.text import SQuAD

from podium.metrics import evaluate as by_task
from podium.metrics.span_reading import evaluate, normal_words, word_f1, word_number

# given, true answers, exact match, F1
CASES = [
    ("The Denver Broncos!", ["denver broncos"], 1, 1.0),
    ("Denver", ["Denver Broncos", "the Broncos"], 0, 2 / 3),
    ("U.S. Army", ["us army"], 1, 1.0),
    ("an apple and a pear", ["apple", "apple and pear"], 1, 1.0),
    ("new new york", ["new york"], 0, 2 * 2 / 5),
    ("mid-1990s", ["1990s"], 0, 0.0),
    ("Theatre", ["theatre"], 1, 1.0),
    ("in 1870–1914", ["1870–1914"], 0, 2 / 3),
]


def arrays(cases):
    answers = [[word_number(word) for word in normal_words(given)] for given, *_ in cases]
    labels = [
        [0, 0, 0, *(n for answer in true for n in (*map(word_number, normal_words(answer)), 0))]
        for _, true, *_ in cases
    ]
    return {"answer": filled(answers), "label": filled(labels)}


def filled(rows):
    table = np.full((len(rows), max(map(len, rows)) + 2), -1, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


@pytest.mark.parametrize("case", CASES)
def test_answers_are_compared_without_case_punctuation_and_articles(case):
    assert evaluate(arrays([case])) == {"test/exact_match": case[2], "test/f1": pytest.approx(case[3])}


def test_a_split_has_the_means_of_its_examples_under_the_name_of_the_task():
    found = by_task("podium.tasks.span_reading.SpanReading", arrays(CASES))
    assert found["test/exact_match"] == pytest.approx(np.mean([case[2] for case in CASES]))
    assert found["test/f1"] == pytest.approx(np.mean([case[3] for case in CASES]))


def of_torchmetrics(cases):
    metric = SQuAD()
    for number, (given, true) in enumerate(cases):
        answers = {"text": true, "answer_start": [0] * len(true)}
        metric.update({"prediction_text": given, "id": str(number)}, {"answers": answers, "id": str(number)})
    return [float(value) / 100 for value in metric.compute().values()]


def test_torchmetrics_gives_the_same():
    draw = random.Random(0)
    words = [
        "The",
        "a",
        "cat",
        "Cat's",
        "U.S.",
        "3.5",
        "old-time",
        "“an”",
        "–",
        "!",
        "New\tYork",
        "an",
        "the",
    ]
    some = lambda: " ".join(draw.choices(words, k=draw.randint(1, 5)))  # noqa: E731
    cases = [(some(), [some() for _ in range(draw.randint(1, 3))]) for _ in range(400)]
    found = evaluate(arrays(cases))
    assert 0.05 < found["test/exact_match"] < found["test/f1"] < 0.9
    np.testing.assert_allclose(list(found.values()), of_torchmetrics(cases), rtol=1e-6)
    other = evaluate(arrays([(given.upper() + " cat", true) for given, true in cases]))
    assert abs(other["test/f1"] - found["test/f1"]) > 0.01


def test_of_answers_without_words_it_counts_whether_they_are_equal():
    assert (word_f1([], []), word_f1([], [3]), word_f1([3], [])) == (1.0, 0.0, 0.0)
    assert evaluate(arrays([("the", ["A!"])])) == {"test/exact_match": 1.0, "test/f1": 1.0}


def test_a_word_has_its_own_number_on_every_machine():
    assert word_number("rome") == 2928683991172906470  # printf rome | sha256sum, its first 16 digits
    numbers = {word_number(str(n)) for n in range(20000)}
    assert len(numbers) == 20000
    assert min(numbers) > 0
    assert max(numbers) < 2**63


def test_arrays_that_do_not_fit_are_refused_in_one_line():
    right = arrays(CASES[:2])
    for changes, said in (
        ({"answer": right["answer"][:1]}, r"must be \(examples, words\) with true answers, got \(1, "),
        ({"label": right["label"][:, :3]}, r"with true answers, got .*; pass the arrays of one"),
        ({"answer": right["answer"][0]}, r"must be \(examples, words\)"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(right | changes)
    with pytest.raises(ValueError, match="got none named answer"):
        evaluate({"label": right["label"]})
