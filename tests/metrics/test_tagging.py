"""Entities by hand, as conlleval counts them."""

import numpy as np
import pytest

from podium.metrics.tagging import Counts, count, entities, evaluate

O, BP, IP, BL, IL = range(5)  # noqa: E741  # outside; persons (type 0); places (type 1)
NO = -1


def tags(*rows):
    return np.array(rows)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ([O, BP, IP, O], {(1, 2, 0)}),
        ([BP, BP, IP, BL], {(0, 0, 0), (1, 2, 0), (3, 3, 1)}),  # one directly behind the other
        ([O, IP, IP, O], {(1, 2, 0)}),  # goes on with what did not begin
        ([BP, IL, IL, O], {(0, 0, 0), (1, 2, 1)}),  # another type begins an entity
        ([BP, IP, IL, BL], {(0, 1, 0), (2, 2, 1), (3, 3, 1)}),
        ([O, O, IL, BL], {(2, 2, 1), (3, 3, 1)}),
        ([IL, IL, IL, IL], {(0, 3, 1)}),  # up to both ends
        ([BP, NO, NO, NO], {(0, 0, 0)}),
        ([O, O, O, O], set()),
    ],
)
def test_entities_begin_and_end_where_conlleval_says(row, found):
    assert entities(tags(row)) == {(0, *entity) for entity in found}


def test_no_entity_runs_from_one_sentence_into_the_next():
    assert entities(tags([O, BP], [IP, O])) == {(0, 1, 1, 0), (1, 0, 0, 0)}


def test_an_entity_is_right_with_both_ends_and_its_type_only():
    label = tags([BP, IP, O, BL, O, BP])
    for prediction, right in (
        ([BP, IP, O, BL, O, BP], 3),
        ([BP, O, O, BL, O, BP], 2),  # too short
        ([BP, IP, O, BP, O, BP], 2),  # another type
        ([BP, IP, IP, BL, O, BP], 2),  # too long
        ([IP, IP, O, IL, O, IP], 3),  # the same entities without a beginning
    ):
        assert count(tags(prediction), label) == Counts(right, 3, 3)


def test_counts_are_summed_before_they_are_divided():
    label = tags([BP, BP, BP, BP], [BL, O, O, O])
    prediction = tags([BP, BP, BP, BP], [O, BL, BL, BL])
    found = evaluate({"label": label, "tags": prediction})
    assert found == {
        "test/f1": pytest.approx(2 * 4 / (7 + 5)),
        "test/precision": pytest.approx(4 / 7),
        "test/recall": pytest.approx(4 / 5),
        "test/token_accuracy": pytest.approx(4 / 8),
        "test/f1_class_0": 1.0,
        "test/f1_class_1": 0.0,
    }
    of_batches = [evaluate({"label": label[k : k + 1], "tags": prediction[k : k + 1]}) for k in (0, 1)]
    assert np.mean([each["test/f1"] for each in of_batches]) == 0.5  # which is not it


def test_what_is_predicted_behind_the_end_counts_nowhere():
    label = tags([BP, IP, NO, NO])
    for behind in ([IP, BL], [O, O], [BL, BL]):
        found = evaluate({"label": label, "tags": tags([BP, IP, *behind])})
        assert found["test/f1"] == found["test/token_accuracy"] == 1.0


def test_nothing_given_and_nothing_there_are_zero():
    assert evaluate({"label": tags([O, BP]), "tags": tags([O, O])})["test/f1"] == 0.0
    assert evaluate({"label": tags([O, O]), "tags": tags([O, BP])})["test/precision"] == 0.0


def test_arrays_that_do_not_fit_are_refused():
    label = tags([O, BP])
    for arrays, said in (
        ({"label": label}, "got none named tags"),
        ({"label": label, "tags": label[:, :1]}, r"got \(1, 2\) and \(1, 1\)"),
        ({"label": label * 0 - 1, "tags": label}, "must be numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(arrays)
