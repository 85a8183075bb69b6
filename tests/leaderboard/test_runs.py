"""Which runs are on the same data."""

from dataclasses import replace

import pytest

from leaderboard.factory import DATA, write_run
from podium.leaderboard.runs import one_data
from podium.records.record import RunRecord

FEW = {"train_examples": 200}


@pytest.fixture
def on(tmp_path):
    """The record of a run whose seed drew its part of a split."""
    record = RunRecord.load(write_run(tmp_path, "linear", 0))

    def make(split, letter, *, view=None, **data):
        config = {**record.config, "data": {**record.config["data"], "split": split, "view": view}}
        return record.with_(config=config, data=replace(DATA, split=letter * 64, **data))

    return make


def test_seeds_that_draw_few_examples_each_are_on_one_data_set(on):
    first, second = on(FEW, "a"), on(FEW, "b")
    assert one_data([first, second]) == first.data


@pytest.mark.parametrize(
    "other",
    [
        {"split": {"train_examples": 201}},
        {"split": {**FEW, "seed": 1}},
        {"split": {}},
        {"view": {"permute_seed": 1}},
        {"test_labels": "0" * 64},
        {"content": "0" * 64},
        {"sizes": {"train": 200, "validation": 1, "test": 1}},
    ],
    ids=str,
)
def test_all_else_must_be_the_same_for_them(on, other):
    changed = {"split": FEW, **other}
    with pytest.raises(ValueError, match=r"^runs must be on one data set and split, got digits"):
        one_data([on(FEW, "a"), on(changed.pop("split"), "b", **changed)])


def test_where_no_few_are_drawn_the_split_must_be_the_same(on):
    with pytest.raises(ValueError, match=r"^runs must be on one data set and split"):
        one_data([on({"seed": 0}, "a"), on({"seed": 0}, "b")])
