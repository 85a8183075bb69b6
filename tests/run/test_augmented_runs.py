"""Augmented runs from the command line's words to the record."""

import shutil

import numpy as np
import pytest
import torch

from podium.data.arrays import Lazy
from podium.data.base import DataModule
from podium.data.loader import BatchLoader
from podium.records.record import entry_hash
from podium.run.assemble import check_run, compose
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.run.folders import find_folders
from podium.run.train import train

VIEW = "data.view.standardize=[pixel,sample]"


def weights(record, settings):
    _, parts = trained(find_folders(settings)[0])
    return torch.cat([p.flatten() for p in parts.network.parameters()])


def test_augmentations_that_are_off_leave_every_bit_of_a_run(settings):
    """Augmented inputs are standardised batch by batch, others all at once: the view does the same to both."""
    plain, off, on = settings(VIEW), settings(VIEW, "augment=classic"), settings(VIEW, "augment=affine")
    found = [weights(train(each), each) for each in (plain, off, on)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_an_augmented_run_that_paused_goes_on_to_the_bit(settings):
    words = ("augment=[affine,rand_augment]", "tricks=[mixup]", "trainer.max_epochs=3")
    whole, parts = settings(*words, "name=whole"), settings(*words, "runtime.stop_epoch=1")
    expected = weights(train(whole), whole)
    for folder in find_folders(whole):
        shutil.rmtree(folder)
    assert train(parts).status == "paused"
    torch.rand(3)
    assert torch.equal(weights(train(settings(*words)), whole), expected)


def test_what_is_augmented_is_neither_standardised_nor_shuffled_before(settings, monkeypatch):
    seen = []
    monkeypatch.setattr("podium.augment.flip.Flip.__call__", lambda self, input: seen.append(input) or input)
    train(settings("augment=flip", VIEW, "data.view.permute_seed=3"))
    assert all(0 <= batch.min() < batch.max() <= 1 for batch in seen)
    corners = torch.cat([batch[:, 0, 0, 0] for batch in seen])
    assert corners.max() == 0  # of digits, which are dark there


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_the_number_of_reading_threads_does_not_matter(settings, ahead):
    config = settings("augment=[affine,color_jitter]", "data.view.standardize=channel")

    def batches(ahead):
        parts = build(config)
        plain = parts.data.plain("train")
        lazy = Lazy(plain.input.numpy(), lambda values: values, plain.target, torch.arange(len(plain)), ahead)
        loader = BatchLoader(lazy, batch_size=100, seed=0, shuffle=True)
        torch.manual_seed(7)
        return [parts.task.augmented(batch).input for batch in loader]

    for one, other in zip(batches(0), batches(ahead), strict=True):
        assert torch.equal(one, other)


def test_validation_and_test_are_not_augmented_in_a_run(settings, monkeypatch):
    config = settings("augment=cats_and_dogs")
    seen = []
    honest = DataModule.plain
    monkeypatch.setattr(DataModule, "plain", lambda data, split: seen.append(split) or honest(data, split))
    train(config)
    assert set(seen) == {"train"}


def test_the_entry_knows_augmentations_and_their_order():
    plain, first, second = (compose([f"augment={name}"]) for name in ("none", "[flip,crop]", "[crop,flip]"))
    assert len({entry_hash(each) for each in (plain, first, second)}) == 3
    assert entry_hash(first) != entry_hash(compose(["augment=[flip,crop]", "augment.crop.padding=3"]))


def test_a_record_from_before_there_were_augmentations_is_the_entry_without_any():
    config = compose([])
    old = {key: value for key, value in config.items() if key != "augment"}
    check_run(old)
    assert entry_hash(old) == entry_hash(config)
    assert not build(old).task.augments


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["augment=none"], "dense32"),
        (["augment=cats_and_dogs", "tricks=[l2]"], "dense32 + l2 + cats_and_dogs"),
        (["augment=[flip,crop]"], "dense32 + flip + crop"),
    ],
)
def test_a_run_is_named_after_its_augmentations(words, name):
    assert compose(["network=dense32", *words])["name"] == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["augment=flp"], "augment=flp is not in conf/augment; did you mean flip"),
        (
            ["augment=flip", "augment.flip.horizontal_p=2"],
            "augment.flip: horizontal_p must be from 0 to 1, got 2",
        ),
        (["augment=flip", "data=mnist1d", "network=mnist1d_mlp"], r"augment.flip: samples must be images"),
        (
            ["augment=flip", "data=shapes_segmentation", "network=unet"],
            "augment.flip: pixels must stay in their places where targets are masks, got Flip",
        ),
        (["augment=crop", "augment.crop.padding=half"], "augment.crop.padding must be int, got 'half'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(words, message):
    with pytest.raises(ConfigError, match=rf"^{message}") as caught:
        build(compose(words))
    assert "\n" not in str(caught.value)


def test_whitening_is_done_to_augmented_and_to_validation_images_alike(settings):
    parts = build(settings("data.view.standardize=[{zca: 0.1}]", "augment=flip"))
    validation = parts.data.examples("validation").batch(slice(0, 20)).input
    finished = parts.data.finish(parts.data.plain("validation").batch(slice(0, 20)).input)
    assert np.allclose(validation, finished, atol=1e-4)
