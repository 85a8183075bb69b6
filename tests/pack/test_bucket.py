"""Runs of one shape are found by their configurations, and the others have their reasons."""

import pytest

from podium.pack.bucket import buckets, refusal
from podium.run.assemble import compose

BASE = ("network=dense32", "data=digits", "tracking=none", "runtime.accelerator=cpu")


@pytest.fixture(scope="module")
def plain():
    return compose([*BASE, "tricks=[dropout,l2,ema,mixup]"])


def with_(config, path, value):
    """The configuration with another value."""
    key, _, rest = path.partition(".")
    return {**config, key: with_(config[key], rest, value) if rest else value}


SAME = {
    "seed": 7,
    "name": "other",
    "tricks.dropout.p": 0.1,
    "tricks.l2.strength": 0.3,
    "tricks.mixup.alpha": 1.0,
    "tricks.ema.decay": 0.9,
    "tricks.ema.warmup": False,
    "optimizer.lr": 0.5,
    "optimizer.betas": [0.5, 0.5],
    "initializer": {"_target_": "podium.layers.initializers.Zeros"},
    "runtime.tags": {"a": "b"},
}
OTHER = {
    "network.widths": [8],
    "network.dropout": 0.5,  # from 0: another module
    "data.batch_size": 8,
    "data.view.fraction": 0.5,
    "trainer.max_epochs": 2,
    "runtime.threads": 2,
    "tricks.l2.power": 1,
    "optimizer.amsgrad": True,
    "paths.runs": "elsewhere",
}


@pytest.mark.parametrize("key", SAME)
def test_what_may_differ_in_a_pack(plain, key):
    found = buckets([plain, with_(plain, key, SAME[key])])
    assert found.packs == [[0, 1]]
    assert found.alone == {}


@pytest.mark.parametrize("key", OTHER)
def test_what_makes_another_shape(plain, key):
    found = buckets([plain, with_(plain, key, OTHER[key])])
    assert found.packs == []
    assert found.alone == dict.fromkeys((0, 1), "no other run has its shape")


def test_rates_of_a_network_may_differ_but_for_zero(plain):
    rates = [with_(plain, "network.dropout", p) for p in (0.0, 0.2, 0.5, 0.0)]
    assert buckets(rates).packs == [[0, 3], [1, 2]]


def test_folds_pack_with_those_of_the_same_fold_and_drawn_examples_with_none(plain):
    folds = [with_(with_(plain, "data.split.folds", 2), "seed", seed) for seed in range(4)]
    assert buckets(folds).packs == [[0, 2], [1, 3]]
    few = [with_(with_(plain, "data.split.train_examples", 50), "seed", seed) for seed in range(2)]
    assert buckets(few).packs == []


REFUSED = {
    "trainer.changes": ({"3": {"optimizer.lr": 0.1}}, "trainer.changes={'3': {'optimizer.lr': 0.1}}"),
    "trainer.precision": ("bf16-mixed", "trainer.precision=bf16-mixed"),
    "trainer.accumulate": (2, "trainer.accumulate=2"),
    "runtime.devices": (2, "runtime.devices=2"),
    "runtime.stop_epoch": (1, "runtime.stop_epoch=1"),
    "runtime.accelerator": ("gpu", "runtime.accelerator=gpu"),
    "task": ({"_target_": "podium.tasks.segmentation.Segmentation"}, "task Segmentation"),
    "augment": ({"flip": {"_target_": "podium.augment.flip.Flip"}}, "augment.flip"),
    "optimizer": ({"_target_": "torch.optim.LBFGS"}, "optimizer LBFGS"),
    "schedule": ({"_target_": "podium.optim.cyclic_cosine.CyclicCosine"}, "schedule CyclicCosine"),
    "tricks": ({"cutmix": {"_target_": "podium.tricks.cutmix.CutMix"}}, "tricks.cutmix"),
}


@pytest.mark.parametrize("key", REFUSED)
def test_what_does_not_pack_says_which_key(plain, key):
    value, reason = REFUSED[key]
    assert refusal(with_(plain, key, value)) == reason
    assert refusal(plain) is None


@pytest.mark.parametrize("accelerator", ["gpu", "auto"])
def test_on_a_gpu_runs_pack_also_compiled_but_not_in_bfloat16(plain, monkeypatch, accelerator):
    there = with_(plain, "runtime.accelerator", accelerator)
    compiled = with_(there, "trainer.compile", "reduce-overhead")
    assert refusal(compiled) is not None
    monkeypatch.setattr("podium.pack.bucket.on_gpus", lambda accelerator: accelerator != "cpu")
    assert refusal(there) is None
    assert refusal(compiled) is None
    assert refusal(with_(plain, "trainer.compile", True)) == "trainer.compile=True"
    assert refusal(with_(there, "trainer.precision", "bf16-mixed")) == "trainer.precision=bf16-mixed"
    assert buckets([there, compiled]).packs == []


def test_a_monitor_that_is_not_logged_is_left_to_the_run_itself():
    config = compose([*BASE, "tricks=[early_stopping]"])
    assert refusal(config) is None
    wrong = with_(config, "tricks.early_stopping.monitor", "validation/mse")
    assert refusal(wrong) == "tricks.early_stopping.monitor=validation/mse"


def test_a_large_group_is_several_packs(plain, monkeypatch):
    monkeypatch.setattr("podium.pack.bucket.MOST", 3)
    found = buckets([with_(plain, "seed", seed) for seed in range(7)])
    assert found.packs == [[0, 1, 2], [3, 4, 5]]
    assert list(found.alone) == [6]
