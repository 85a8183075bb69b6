"""Cross-validation: the run's seed says which fold of the split is for validation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.data.split import Split


def folded(source, folds, **changes):
    split = Split(**{"validation": None, "test": 0.2, "folds": folds, "seed": 0} | changes)
    return [split.divide(source, run_seed=seed) for seed in range(folds)]


@settings(deadline=None, max_examples=40)
@given(labels=st.lists(st.integers(0, 4), min_size=40, max_size=200), folds=st.integers(2, 7))
def test_the_folds_validate_once_on_every_example_and_never_on_the_test_split(labels, folds):
    from podium.data.arrays import Source

    labels = np.array(labels)
    parts = folded(Source(np.zeros((len(labels), 1, 1), dtype=np.uint8), labels, None), folds)
    assert len({part.test.tobytes() for part in parts}) == 1
    own = np.setdiff1d(np.arange(len(labels)), parts[0].test)
    assert np.concatenate([part.validation for part in parts]).size == len(own)
    assert sorted(np.concatenate([part.validation for part in parts])) == own.tolist()
    for part in parts:
        assert sorted([*part.train, *part.validation]) == own.tolist()
        assert abs(len(part.validation) - len(own) / folds) <= 1


def test_folds_hold_the_classes_in_proportion_and_slices_of_sorted_labels_would_not(make_source):
    source = make_source()._replace(labels=np.repeat(np.arange(4), 100))
    for part in folded(source, 5):
        counts = np.bincount(source.labels[part.validation], minlength=4)
        assert counts.max() - counts.min() <= 2
    slices = np.bincount(source.labels[:64], minlength=4)
    assert slices.max() - slices.min() == 64


def test_folds_keep_groups_together_and_without_groups_they_are_torn(make_source):
    groups = np.arange(400) // 8

    def torn(chosen):
        parts = folded(make_source()._replace(groups=chosen), 5)
        return sum(len(set(groups[part.train]) & set(groups[part.validation])) for part in parts)

    assert torn(groups) == 0
    assert torn(None) > 50


def test_the_seed_of_a_run_counts_round_over_the_folds_and_the_first_is_a_share_of_the_same_size(make_source):
    split = Split(validation=None, test=0.2, folds=4, seed=0)
    first, fifth, second = (split.divide(make_source(), run_seed=seed) for seed in (0, 4, 1))
    assert first.validation.tolist() == fifth.validation.tolist() != second.validation.tolist()
    share = Split(validation=0.25, test=0.2, folds=None, seed=0).divide(make_source(), run_seed=1)
    assert share.validation.tolist() == first.validation.tolist()


def test_a_data_set_hands_the_fold_of_its_run_to_the_split(small):
    split = Split(validation=None, test=0.2, folds=4, seed=0)
    shown = [small(split=split, seed=seed).examples("validation").index.tolist() for seed in (0, 1, 4)]
    assert shown[0] == shown[2] != shown[1]
    prints = [small(split=split, seed=seed).fingerprint() for seed in (0, 1)]
    assert prints[0].split != prints[1].split
    assert prints[0].test_labels == prints[1].test_labels


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"validation": None}, r"^validation or folds must be null .*, got null and null; set "),
        ({"folds": 5}, r"^validation or folds must be null .*, got 0.1 and 5; set "),
        ({"validation": None, "folds": 1}, r"^folds must be null or at least 2, got 1; "),
    ],
)
def test_either_a_share_or_folds_are_given(values, message):
    with pytest.raises(ValueError, match=message):
        Split(**{"validation": 0.1, "test": 0.2, "folds": None, "seed": 0} | values)
