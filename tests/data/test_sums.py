"""Sums to learn: right answers, none twice, none of the test in training."""

import pytest
from hydra.errors import InstantiationException

from podium.data import sums
from podium.data.sequences import before_the_end, closed
from podium.data.symbols import filled_up


@pytest.fixture(scope="module")
def questions():
    """Pairs of numbers for training and for the test."""
    return sums._drawn(2)


def pairs_of(part):
    return {(min(pair), max(pair)) for pair in part}


def test_every_answer_is_the_sum_that_its_question_asks_for(compose_data):
    data = compose_data("sums", root="none")
    for split, wanted in (("train", 5000), ("validation", 500), ("test", 1000)):
        batch = data.examples(split).batch(slice(None))
        assert len(batch.input) == wanted
        for question, answer in zip(batch.input[:200].long().tolist(), batch.target.tolist(), strict=False):
            a, b = data.text(question).split("+")
            assert data.text(answer) == str(int(a) + int(b))
            assert data.numbers(f"{a}+{b}") == before_the_end(question)


def test_no_sum_is_there_twice_and_none_in_two_splits_in_either_order(compose_data):
    data = compose_data("sums", root="none")
    asked = {}
    for split in ("train", "validation", "test"):
        rows = data.examples(split).batch(slice(None)).input.long().tolist()
        asked[split] = [tuple(int(n) for n in data.text(row).split("+")) for row in rows]
        assert len(set(asked[split])) == len(asked[split])
    whole = [pairs_of(part) for part in asked.values()]
    assert len(set.union(*whole)) == sum(map(len, whole))


def test_without_groups_the_same_sum_would_stand_in_two_splits(compose_data):
    data = compose_data("sums", root="none")
    source = data.load()
    train, validation, _ = data.split.divide(source._replace(groups=None))
    rows = [
        {tuple(sorted(data.text(row).split("+"))) for row in source.inputs[part].astype(int)}
        for part in (train, validation)
    ]
    assert rows[0] & rows[1]


def test_both_orders_are_asked_and_parts_are_as_large_as_said(questions):
    training, test = questions
    assert (len(training), len(test)) == (sums.TRAINING, sums.TEST)
    for part in questions:
        assert {(b, a) for a, b in part} == set(part)
    assert not pairs_of(training) & pairs_of(test)
    assert {len(str(a)) for a, _ in training} == {1, 2}


def test_more_digits_are_an_option_with_a_checksum_of_their_own(compose_data):
    facts = {"digits": 3, "shape": [7], "longest": 5}
    data = compose_data("sums", root="none", checksum=None, **facts)
    batch = data.examples("test").batch(slice(None))
    assert (batch.input[:, :7] >= 2).all(1).any()
    assert data.fingerprint().content != compose_data("sums", root="none").fingerprint().content
    with pytest.raises(ValueError, match=r"sums must have the checksum 96c91a.*set data\.checksum=null"):
        compose_data("sums", root="none", **facts).fingerprint()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digits": 1}, r"digits must be from 2 to 7, for 6,500 sums, got 1; set data\.digits=2"),
        ({"digits": 3}, r"longest must be 5 for sums of 3 digits with their end, got 4; set data\.longest=5"),
        ({"longest": 1}, r"longest must be at least 2, a symbol and the end, got 1; set"),
    ],
)
def test_facts_that_do_not_fit_are_refused(compose_data, changes, said):
    with pytest.raises(InstantiationException, match=said):
        compose_data("sums", root="none", **changes)


def test_what_is_no_sum_is_refused(compose_data):
    data = compose_data("sums", root="none")
    with pytest.raises(ValueError, match=r"a sum must be of 0123456789\+, got ' '; write one such as"):
        data.numbers("3 + 4")
    with pytest.raises(ValueError, match=r"view\.standardize must be none for symbols, got pixel"):
        compose_data("sums", root="none", view={"standardize": "pixel"}).load()


def test_rows_are_filled_up_and_closed():
    rows = filled_up([[5, 6], [], [7]], 3)
    assert rows.tolist() == [[5, 6, -1], [-1, -1, -1], [7, -1, -1]]
    assert closed(rows).tolist() == [[5, 6, 0], [0, -1, -1], [7, 0, -1]]
    assert before_the_end([5, 0, 6]) == [5]
    assert before_the_end([5, -1]) == [5]
