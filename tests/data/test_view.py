import numpy as np
import pytest
import torch

from podium.data.view import View

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize(("how", "axes"), [("pixel", (0,)), ("channel", (0, 2, 3))])
def test_standardised_training_data_has_mean_0_and_deviation_1(small, how, axes):
    train = small(seen={"standardize": how}).examples("train").input.double()
    assert train.mean(axes).abs().max() < 1e-5
    deviation = train.std(axes, correction=0)
    if how == "pixel":
        assert (deviation[:, 0, 0] == 0).all()  # the constant pixel is centred and divided by 1
        deviation[:, 0, 0] = 1
    assert (deviation - 1).abs().max() < 1e-5


@pytest.mark.parametrize("how", ["pixel", "channel"])
def test_standardising_measures_the_training_split_alone(small, make_source, how, monkeypatch):
    """Rewriting every example that is not trained on must not move a single training number."""
    source = make_source()
    trained_on = small(source, seen={"fraction": 0.5}).examples("train").index.numpy()
    rewritten = source.inputs.copy()
    rewritten[np.setdiff1d(np.arange(len(rewritten)), trained_on)] = 255
    spoilt = source._replace(inputs=rewritten)
    honest = View.measure

    def train_inputs(source, *, leak):
        with monkeypatch.context() as patch:
            if leak:  # the usual mistake: statistics of the whole data set
                patch.setattr(
                    View, "measure", lambda view, inputs, _: honest(view, inputs, np.arange(len(inputs)))
                )
            return small(source, seen={"standardize": how, "fraction": 0.5}).examples("train").input

    assert torch.equal(train_inputs(source, leak=False), train_inputs(spoilt, leak=False))
    assert not torch.equal(train_inputs(source, leak=True), train_inputs(spoilt, leak=True))


def test_all_splits_are_standardised_with_the_same_numbers(small, make_source):
    source = make_source()
    plain, seen = small(source), small(source, seen={"standardize": "pixel"})
    train = plain.examples("train").input.double()
    mean, deviation = train.mean(0), train.std(0, correction=0)
    deviation[deviation == 0] = 1
    for split in SPLITS:
        expected = (plain.examples(split).input.double() - mean) / deviation
        assert (seen.examples(split).input - expected).abs().max() < 1e-5


def test_positions_are_shuffled_one_to_one_and_alike_in_all_splits_and_channels(small, make_source):
    examples = 60
    source = make_source(examples)
    positions = np.arange(15, dtype=np.uint8).reshape(3, 5)
    source = source._replace(inputs=np.broadcast_to(positions, (examples, 2, 3, 5)).copy())
    data = small(source, seen={"permute_seed": 4})
    seen = torch.cat([data.examples(split).input for split in SPLITS]).mul(255).round().reshape(-1, 15)
    assert sorted(seen[0].tolist()) == list(range(15))
    assert seen[0].tolist() != list(range(15))
    assert (seen == seen[0]).all()
    other = small(source, seen={"permute_seed": 5}).examples("train").input.mul(255).round().reshape(-1, 15)
    assert other[0].tolist() != seen[0].tolist()


def test_shuffling_keeps_every_value_of_every_example_and_channel(small, make_source):
    source = make_source()
    plain = small(source).examples("test").input.flatten(2).sort().values
    shuffled = small(source, seen={"permute_seed": 0}).examples("test").input.flatten(2).sort().values
    assert torch.equal(plain, shuffled)


def test_shuffling_and_standardising_do_not_depend_on_their_order(small, make_source):
    source = make_source()
    both = small(source, seen={"permute_seed": 1, "standardize": "pixel"}).examples("test").input
    alone = small(source, seen={"standardize": "pixel"}).examples("test").input
    assert torch.equal(both.flatten(2).sort().values, alone.flatten(2).sort().values)


def test_random_labels_replace_those_of_training_only(small, make_source):
    source = make_source()
    plain, seen = small(source), small(source, seen={"random_labels_seed": 0})
    for split in ("validation", "test"):
        assert torch.equal(seen.examples(split).target, plain.examples(split).target)
    true, drawn = plain.examples("train").target, seen.examples("train").target
    assert not torch.equal(drawn, true)
    assert np.bincount(drawn, minlength=4).min() > len(drawn) / 4 * 0.7  # uniform, unlike the true ones
    assert np.bincount(true, minlength=4).max() > len(true) / 2
    assert seen.fingerprint().test_labels == plain.fingerprint().test_labels
    assert np.array_equal(source.labels, make_source().labels)


def test_random_labels_that_touch_the_test_split_would_be_noticed(small, make_source, monkeypatch):
    """The control of the test above: with the protection switched off, the test labels change."""
    source = make_source()
    honest = View.relabel
    monkeypatch.setattr(
        View,
        "relabel",
        lambda view, labels, _, **facts: honest(view, labels, np.arange(len(labels)), **facts),
    )
    spoilt = small(source, seen={"random_labels_seed": 0}).examples("test").target
    assert not torch.equal(spoilt, torch.from_numpy(source.labels[small(source).examples("test").index]))


def test_random_labels_do_not_know_the_split_though_their_seeds_are_equal(small, monkeypatch):
    def rarest(data):
        return np.bincount(data.examples("train").target, minlength=4).min() / len(
            data.examples("train").target
        )

    assert rarest(small(seen={"random_labels_seed": 0})) > 0.2
    monkeypatch.setattr("podium.data.split.zlib.crc32", lambda _: 0)  # one stream for all purposes
    assert rarest(small(seen={"random_labels_seed": 0})) < 0.1


def test_an_example_keeps_its_random_label_when_the_fraction_changes(small, make_source):
    source = make_source()
    labels = {}
    for fraction in (1.0, 0.3):
        train = small(source, seen={"random_labels_seed": 2, "fraction": fraction}).examples("train")
        labels[fraction] = dict(zip(train.index.tolist(), train.target.tolist(), strict=True))
    assert labels[0.3].items() <= labels[1.0].items()


def test_smaller_fractions_are_subsets_in_proportion_and_leave_the_other_splits_alone(small, make_source):
    source = make_source()
    whole = small(source)
    larger = set(whole.examples("train").index.tolist())
    for fraction in (0.71, 0.5, 0.1, 0.02):
        data = small(source, seen={"fraction": fraction})
        kept = data.examples("train")
        assert len(kept.index) == round(len(whole.examples("train").index) * fraction)
        assert set(kept.index.tolist()) < larger
        share = np.bincount(kept.target, minlength=4) - np.bincount(whole.examples("train").target) * fraction
        assert np.abs(share).max() < 2
        for split in ("validation", "test"):
            assert torch.equal(data.examples(split).index, whole.examples(split).index)
        larger = set(kept.index.tolist())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fraction": 0.0}, r"fraction must be in \(0, 1\], got 0.0; 1.0 is all of the training split"),
        ({"fraction": 1.5}, r"fraction must be in \(0, 1\], got 1.5; 1.0 is all of the training split"),
        ({"fraction": float("nan")}, r"fraction must be in \(0, 1\], got nan; .*"),
        ({"permute_seed": -1}, r"permute_seed must be null or in \[0, 2\*\*32\), got -1"),
        ({"random_labels_seed": 2**32}, r"random_labels_seed must be null or in .*, got 4294967296"),
        ({"standardize": "image"}, "standardize must be none or steps of pixel, .*, got image; .*"),
    ],
)
def test_values_out_of_range_are_refused(view, change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        view(**change)


def test_a_fraction_that_keeps_nothing_is_refused_in_one_line(small):
    with pytest.raises(
        ValueError, match=r"^fraction must keep an example of 240, got 0.001; raise fraction$"
    ):
        small(seen={"fraction": 0.001}).examples("train")
