import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.data.split import Split, grouped_order, permutation, stratified_order, stream


def test_the_random_stream_is_frozen():
    assert permutation(10, stream(0, "split")).tolist() == [5, 7, 1, 0, 6, 8, 4, 2, 9, 3]
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert stratified_order(labels, stream(1, "split")).tolist() == [0, 4, 1, 2, 5, 3]
    assert stream(0, "split").random_sample(2).tolist() == [0.18898677058381708, 0.15526693418710025]


def test_each_purpose_has_its_own_stream_for_the_same_seed():
    """With a common one, random labels were found to depend on whether an example is for training."""
    first = {stream(0, purpose).random_sample() for purpose in ("split", "fraction", "positions", "labels")}
    assert len(first) == 4


def test_only_the_frozen_generator_of_numpy_is_used(monkeypatch, make_source, split):
    """Generator's stream may change with any numpy release, and shuffles with the algorithm behind them."""

    def refuse(*_, **__):
        raise AssertionError("a stream that numpy does not freeze")

    monkeypatch.setattr(np.random, "default_rng", refuse)
    monkeypatch.setattr(np.random, "permutation", refuse)
    monkeypatch.setattr(np.random, "shuffle", refuse)
    split.divide(make_source())


@settings(deadline=None, max_examples=60)
@given(
    labels=st.lists(st.integers(0, 4), min_size=30, max_size=200),
    validation=st.floats(0.1, 0.5),
    test=st.floats(0.1, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_example_is_in_exactly_one_part(labels, validation, test, seed):
    from podium.data.arrays import Source

    labels = np.array(labels)
    source = Source(np.zeros((len(labels), 1, 1), dtype=np.uint8), labels, None)
    parts = Split(validation=validation, test=test, folds=None, seed=seed).divide(source)
    assert sorted(np.concatenate(parts)) == list(range(len(labels)))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert len(parts.test) == round(len(labels) * test)
    assert len(parts.validation) == round((len(labels) - len(parts.test)) * validation)


@settings(deadline=None, max_examples=60)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=200), seed=st.integers(0, 2**32 - 1))
def test_every_prefix_of_the_stratified_order_holds_the_classes_in_proportion(labels, seed):
    assert worst_deviation(np.array(labels), stratified_order(np.array(labels), stream(seed, "split"))) < 3


def test_a_plain_random_order_is_not_stratified():
    labels = np.arange(1000) % 5
    assert worst_deviation(labels, stratified_order(labels, stream(0, "split"))) < 1
    assert worst_deviation(labels, permutation(1000, stream(0, "split"))) > 3


def worst_deviation(labels, order):
    """By how many examples a prefix misses the share of a class at most."""
    worst = 0.0
    for label in np.unique(labels):
        seen = np.cumsum(labels[order] == label)
        share = np.arange(1, len(labels) + 1) * np.mean(labels == label)
        worst = max(worst, np.abs(seen - share).max())
    return worst


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=30, max_size=80),
    validation=st.floats(0.15, 0.4),
    test=st.floats(0.15, 0.4),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_group_is_torn_apart_and_sizes_miss_by_half_a_group_at_most(sizes, validation, test, seed):
    from podium.data.arrays import Source

    groups = permutation(len(sizes), stream(seed, "sizes")).repeat(sizes)
    labels, examples = groups % 3, len(groups)
    source = Source(np.zeros((examples, 1, 1), dtype=np.uint8), labels, None, groups=groups)
    parts = Split(validation=validation, test=test, folds=None, seed=seed).divide(source)
    assert sorted(np.concatenate(parts)) == list(range(examples))
    inside = [set(groups[part]) for part in parts]
    assert sum(map(len, inside)) == len(set(groups))
    largest = np.bincount(groups).max()
    assert abs(len(parts.test) - round(examples * test)) <= largest / 2
    assert abs(len(parts.validation) - round((examples - len(parts.test)) * validation)) <= largest / 2


def test_without_groups_examples_of_one_group_are_in_several_parts(make_source, split):
    """The control of the test above: the same source, with the protection switched off."""
    source = make_source()
    groups = np.arange(400) // 4
    torn = [
        sum(len(set(groups[part])) for part in split.divide(source._replace(groups=chosen))) - 100
        for chosen in (groups, None)
    ]
    assert torn[0] == 0
    assert torn[1] > 50


def test_groups_of_one_change_nothing(make_source, split):
    source = make_source()
    plain = split.divide(source)
    alone = split.divide(source._replace(groups=np.arange(400)[::-1] * 3))
    assert [part.tolist() for part in split.divide(source._replace(groups=np.arange(400)))] == [
        part.tolist() for part in plain
    ]
    assert [len(part) for part in alone] == [len(part) for part in plain]


def test_groups_are_spread_over_the_classes_in_proportion():
    labels = np.arange(1200) // 4 % 5
    order, ends = grouped_order(labels, np.arange(1200) // 4, stream(0, "split"))
    assert ends.tolist() == list(range(4, 1201, 4))
    assert worst_deviation(labels, order) <= 4


def test_seeds_give_different_splits_and_the_same_seed_the_same(make_source):
    source = make_source()
    first, again, other = (
        Split(validation=0.2, test=0.2, folds=None, seed=seed).divide(source) for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.test, other.test)


def test_a_published_test_split_is_kept_whole_and_validation_comes_from_training(make_source):
    parts = Split(validation=0.1, test=None, folds=None, seed=0).divide(make_source(published=300))
    assert parts.test.tolist() == list(range(300, 400))
    assert len(parts.validation) == 30
    assert parts.validation.max() < 300


@pytest.mark.parametrize(
    ("published", "test", "message"),
    [
        (300, 0.2, "test must be null where a test split is published, got 0.2; set it to null"),
        (
            None,
            None,
            "test must be a share where no test split is published, got null; set data.split.test=0.2",
        ),
        (None, 0.999, "split must leave examples for train, got 0 of 400; change data.split"),
    ],
)
def test_a_split_that_does_not_fit_the_data_is_refused_in_one_line(make_source, published, test, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Split(validation=0.1, test=test, folds=None, seed=0).divide(make_source(published=published))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": 0.0}, "validation must be between 0 and 1, got 0.0"),
        ({"validation": float("nan")}, "validation must be between 0 and 1, got nan"),
        ({"test": 1.0}, "test must be between 0 and 1 or null, got 1.0"),
        ({"seed": -1}, "seed must be in .*, got -1"),
    ],
)
def test_values_out_of_range_are_refused(change, message):
    with pytest.raises(ValueError, match="^" + message):
        Split(**{"validation": 0.1, "test": 0.2, "folds": None, "seed": 0} | change)


def test_a_published_test_split_may_be_empty_and_no_other_part(make_source):
    source = make_source(published=400)
    parts = Split(validation=0.1, test=None, folds=None, seed=0).divide(source)
    assert [len(part) for part in parts] == [360, 40, 0]
    few = source._replace(inputs=source.inputs[:4], labels=source.labels[:4], test_start=4)
    split = Split(validation=0.1, test=None, folds=None, seed=0)
    with pytest.raises(ValueError, match="must leave examples for validation, got 0 of 4"):
        split.divide(few)


def few(number, *, run_seed=0, source, **changes):
    values = {"validation": 0.25, "test": 0.2, "folds": None, "seed": 0, "train_examples": number}
    return Split(**values | changes).divide(source, run_seed=run_seed)


@pytest.mark.parametrize("number", [1, 40, 239, 240])
def test_few_examples_are_of_the_training_part_alone_with_its_classes_in_proportion(make_source, number):
    source = make_source()
    whole, small = few(None, source=source), few(number, source=source)
    assert small.validation.tolist() == whole.validation.tolist()
    assert small.test.tolist() == whole.test.tolist()
    assert set(small.train) <= set(whole.train)
    assert len(small.train) == number
    assert (np.diff(small.train) > 0).all()
    counts = [np.bincount(source.labels[part.train], minlength=4) for part in (small, whole)]
    assert np.abs(counts[0] - counts[1] * number / 240).max() < 2


def test_a_hundred_of_each_of_two_classes(make_source):
    source = make_source(800)
    source = source._replace(labels=np.arange(800) % 2)
    assert np.bincount(source.labels[few(200, source=source).train]).tolist() == [100, 100]


def test_the_runs_seed_draws_the_few_examples_and_fewer_are_a_part_of_more(make_source):
    source = make_source()
    first, again, other = (few(40, source=source, run_seed=seed).train for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    assert set(few(20, source=source).train) < set(first)


def test_a_data_set_hands_its_runs_seed_on_for_the_few_examples(small):
    split = Split(validation=0.25, test=0.2, folds=None, seed=0, train_examples=40)
    shown = [small(split=split, seed=seed) for seed in (0, 1)]
    rows = [data.examples("train").index.tolist() for data in shown]
    assert [len(one) for one in rows] == [40, 40]
    assert rows[0] != rows[1]
    assert shown[0].fingerprint().split != shown[1].fingerprint().split
    assert shown[0].fingerprint().test_labels == shown[1].fingerprint().test_labels


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (0, r"^train_examples must be null or at least 1, got 0; 200 are few$"),
        (241, r"^train_examples must be at most the 240 of the training part, got 241; lower data\.split\."),
    ],
)
def test_a_number_of_examples_that_cannot_be_is_refused(make_source, number, message):
    with pytest.raises(ValueError, match=message):
        few(number, source=make_source())
