import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from podium.data.split import Split
from podium.metrics import labels_hash

SPLITS = ("train", "validation", "test")


def test_index_leads_back_to_the_source(small, make_source):
    source = make_source()
    data = small(source)
    for split in SPLITS:
        arrays = data.examples(split)
        index = arrays.index.numpy()
        assert torch.equal(arrays.target, torch.from_numpy(source.labels[index]))
        assert torch.equal(arrays.input, torch.from_numpy(source.inputs[index].astype(np.float32) / 255))
        assert arrays.input.dtype == torch.float32
        assert arrays.input.is_contiguous()


def test_nothing_is_loaded_before_it_is_asked_for_and_then_once(small):
    data = small()
    assert data.loads == 0
    for split in SPLITS:
        data.examples(split)
    data.fingerprint()
    assert data.loads == 1
    assert data.examples("test") is data.examples("test")


def test_loaders_give_shuffled_training_and_ordered_evaluation_batches(small):
    data = small(batch_size=32)
    train = torch.cat([batch.target for batch in data.train_dataloader()])
    expected = data.examples("train").target
    assert not torch.equal(train, expected)
    assert torch.equal(train.sort().values, expected.sort().values)
    for loader, split in ((data.val_dataloader(), "validation"), (data.test_dataloader(), "test")):
        batches = list(loader)
        assert len(batches[0].target) == 32
        assert torch.equal(torch.cat([batch.input for batch in batches]), data.examples(split).input)


def test_the_seed_changes_the_order_of_batches_and_not_the_data(small):
    first, other = small(seed=0), small(seed=1)
    assert first.fingerprint() == other.fingerprint()
    batches = [next(iter(data.train_dataloader())).input for data in (first, other)]
    assert not torch.equal(*batches)


def test_a_fingerprint_says_the_same_of_the_same_data_and_survives_json(small):
    fingerprint = small().fingerprint()
    assert fingerprint == small().fingerprint()
    assert json.loads(json.dumps(asdict(fingerprint))) == asdict(fingerprint)
    assert fingerprint.name == "small"
    assert fingerprint.sizes == {"train": 240, "validation": 80, "test": 80}


def test_the_label_hash_can_be_recomputed_from_predictions(small):
    data = small()
    assert data.fingerprint().test_labels == labels_hash(data.examples("test").target.numpy())


@pytest.mark.parametrize(
    "seen", [{"fraction": 0.5}, {"permute_seed": 1}, {"random_labels_seed": 1}, {"standardize": "pixel"}]
)
def test_every_option_of_the_view_shows_in_the_fingerprint(small, seen):
    plain, changed = small().fingerprint(), small(seen=seen).fingerprint()
    assert changed.split != plain.split
    assert (changed.content, changed.test_labels) == (plain.content, plain.test_labels)


def test_another_split_shows_in_the_fingerprint(small):
    changed = small(split=Split(validation=0.25, test=0.2, folds=None, seed=1)).fingerprint()
    assert changed.split != small().fingerprint().split
    assert changed.content == small().fingerprint().content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [1, 8, 8]}, r"shape must be \[2, 3, 5\], which is small's, got \[1, 8, 8\]; .*"),
        ({"num_classes": 10}, "num_classes must be 4, which is small's, got 10; .*"),
        ({"num_classes": 3}, "num_classes must be 4, which is small's, got 3; .*"),
        (
            {"checksum": "beef"},
            "small must have the checksum beef, got [0-9a-f]{64}; .*, or delete somewhere/small",
        ),
    ],
)
def test_facts_that_the_data_contradicts_are_refused_in_one_line(small, change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        small(**change).examples("train")


def test_one_flipped_bit_is_noticed(small, make_source):
    source = make_source()
    data = small(source)
    source.inputs[17, 1, 2, 2] ^= 1
    with pytest.raises(ValueError, match=r"^small must have the checksum"):
        data.examples("train")


def test_a_batch_of_nothing_is_refused(small):
    with pytest.raises(ValueError, match=r"^batch_size must be at least 1, got 0$"):
        small(batch_size=0)
