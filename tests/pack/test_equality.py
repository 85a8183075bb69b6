"""A packed run is the run that it would have been alone."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from podium.pack.average import Average
from podium.pack.errors import Unpackable
from podium.pack.form import Form
from podium.pack.lane import Lane
from podium.run.folders import find_folders
from podium.run.train import train

from .sides import (
    CNN,
    MLP,
    assert_same_history,
    both,
    configs_of,
    largest_difference,
    moved,
    packed,
)

pytestmark = pytest.mark.usefixtures("no_pictures")

CASES = {
    "dropout_and_initializers": (
        (*MLP, "tricks=[dropout]", "tricks.dropout.input_p=0.1"),
        (
            "seed=0 tricks.dropout.p=0.2",
            "seed=1 tricks.dropout.p=0.5 optimizer.lr=0.003",
            "seed=2 tricks.dropout.p=0 initializer=he_normal",
        ),
        Form.GROUPED,
    ),
    "batch_norm_and_all_tricks": (
        (
            *MLP,
            "network.norm=before",
            "network.use_bias=false",
            "optimizer=momentum",
            "tricks=[l1,l2,label_smoothing,grad_clip,weight_decay,max_norm]",
        ),
        (
            "seed=0 schedule=cosine",
            "seed=1 optimizer.nesterov=false tricks.l1.strength=0.001 tricks.label_smoothing.smoothing=0.3",
            "seed=1 optimizer.weight_decay=0.01 tricks.max_norm.bound=0.5 tricks.grad_clip.max_norm=0.1",
        ),
        Form.GROUPED,
    ),
    "convolutions_one_by_one": (
        (*CNN, "network.norm=after", "optimizer=sgd", "tricks=[dropout]"),
        ("seed=0 optimizer.lr=0.02", "seed=3 schedule=step schedule.step_size=2"),
        Form.APART,
    ),
    "convolutions_in_groups": (
        (*CNN, "network.norm=after", "optimizer=sgd", "tricks=[dropout]"),
        ("seed=0 optimizer.lr=0.02", "seed=3 schedule=step schedule.step_size=2"),
        Form.GROUPED,
    ),
    "convolutions_of_tiny_maps_as_products": (
        (
            "network=cifar_resnet20",
            "network.depth=8",
            "network.width=0.5",
            "data.batch_size=32",
            "optimizer=sgd",
        ),
        ("seed=0 optimizer.lr=0.02", "seed=3 schedule=cosine"),
        Form.GROUPED,
    ),
    "convolutions_channels_last": (
        (*CNN, "optimizer=sgd", "tricks=[dropout]"),
        ("seed=0 optimizer.lr=0.02", "seed=3 tricks.dropout.p=0.4"),
        Form.CHANNELS_LAST,
    ),
    "slopes_and_rmsprop": (
        (*CNN, "network.activation=prelu", "optimizer=rmsprop", "optimizer.centered=true"),
        ("seed=0 optimizer.momentum=0.5", "seed=1 optimizer.lr=0.0005"),
        Form.CHANNELS_LAST,
    ),
    "adamw_and_plateau": (
        (*MLP, "optimizer=adamw"),
        (
            "seed=0 optimizer.lr=0.01",
            "seed=1 schedule=plateau schedule.patience=0 optimizer.betas=[0.8,0.99]",
        ),
        Form.GROUPED,
    ),
    "average_of_weights_and_statistics": (
        (*CNN, "network.norm=before", "optimizer=momentum", "tricks=[ema,dropout,max_norm]"),
        (
            "seed=0 tricks.ema.decay=0.9 tricks.max_norm.bound=0.5",
            "seed=1 tricks.ema.decay=0.999 tricks.ema.warmup=false",
            "seed=2 tricks.ema.decay=0.999",
            "seed=2 tricks.ema.decay=0",
        ),
        Form.GROUPED,
    ),
    "mixed_before_masks_and_smoothed_behind": (
        (*CNN, "optimizer=sgd", "tricks=[label_smoothing,dropout,mixup,ema]"),
        ("seed=0", "seed=1 tricks.mixup.alpha=1", "seed=1 tricks.mixup.alpha=0"),
        Form.APART,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_weights_and_journals_are_those_of_the_run_alone(name: str, tmp_path: Path) -> None:
    common, lanes, form = CASES[name]
    configs = configs_of(common, lanes, tmp_path)
    together, alone = both(configs, tmp_path, form=form)
    for config, ours, theirs in zip(configs, together, alone, strict=True):
        assert largest_difference(config, tmp_path) < 1e-5
        assert_same_history(ours, theirs)
        assert (ours.status, ours.entry_hash, ours.seed) == (theirs.status, theirs.entry_hash, theirs.seed)
        assert ours.metrics == pytest.approx(theirs.metrics, abs=1e-5)


def test_another_stream_of_masks_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.pack.train.check_same", lambda lanes, form: None)
    monkeypatch.setattr(Lane, "of", staticmethod(_with_other_masks))
    common, lanes, _ = CASES["dropout_and_initializers"]
    configs = configs_of(common, lanes[:2], tmp_path)
    both(configs, tmp_path)
    assert largest_difference(configs[0], tmp_path) > 1e-3


@pytest.mark.parametrize("part", ["move", "in_network", "state"])
def test_an_average_that_is_left_out_somewhere_is_noticed(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead: dict[str, Callable[..., Any]] = {
        "move": lambda self: None,
        "in_network": lambda self: nullcontext(),
        "state": lambda self, lane: self._folded.state(lane),
    }
    monkeypatch.setattr(Average, part, instead[part])
    configs = configs_of((*MLP, "tricks=[ema]"), ("seed=0", "seed=1"), tmp_path)
    ours, theirs = (records[0].history["validation/loss"] for records in both(configs, tmp_path))
    apart = max(abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True))
    assert (apart > 1e-3) is (part != "state")
    assert (largest_difference(configs[0], tmp_path) > 1e-3) is (part != "in_network")


@pytest.mark.parametrize("checked", [True, False])
def test_mixing_by_another_stream_is_noticed(
    checked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.pack.mixing.drawing_from", lambda stream, device: nullcontext())
    configs = configs_of((*MLP, "tricks=[mixup]"), ("seed=0", "seed=1"), tmp_path)
    if checked:
        with pytest.raises(Unpackable):
            both(configs, tmp_path)
    else:
        monkeypatch.setattr("podium.pack.train.check_same", lambda lanes, form: None)
        both(configs, tmp_path)
        assert largest_difference(configs[0], tmp_path) > 1e-3


def _with_other_masks(*args: Any, of: Callable[..., Lane] = Lane.of) -> Lane:
    lane = of(*args)
    lane.generator.manual_seed(1)
    return lane


@pytest.mark.parametrize("average", ["", "ema"])
def test_a_lane_that_diverges_ends_as_it_would_alone_and_touches_no_other(
    average: str, tmp_path: Path
) -> None:
    configs = configs_of(
        (*CNN, "optimizer=sgd", f"tricks=[{average}]"),
        ("seed=0 optimizer.lr=0.02", "seed=1 optimizer.lr=1e30", "seed=2"),
        tmp_path,
    )
    together, alone = both(configs, tmp_path, form=Form.GROUPED)
    assert [record.status for record in together] == ["finished", "diverged", "finished"]
    assert together[1].error == alone[1].error
    assert together[1].history == alone[1].history
    assert together[1].metrics is None
    for place in (0, 2):
        assert largest_difference(configs[place], tmp_path) < 1e-5
        assert_same_history(together[place], alone[place])


@pytest.mark.parametrize("other", ["", ",ema", ",mixup"])
def test_lanes_stop_early_each_at_its_own_epoch_with_its_best_weights(other: str, tmp_path: Path) -> None:
    configs = configs_of(
        (*MLP, f"tricks=[early_stopping,dropout{other}]", "tricks.early_stopping.patience=1"),
        (
            "seed=0 tricks.early_stopping.min_delta=0.5",
            "seed=1",
            "seed=2 tricks.early_stopping.min_delta=0.2 tricks.early_stopping.restore_best=false",
        ),
        tmp_path,
    )
    together, alone = both(configs, tmp_path)
    epochs = [len(record.history["validation/loss"]) for record in together]
    assert epochs[0] < epochs[1]
    for config, ours, theirs in zip(configs, together, alone, strict=True):
        assert largest_difference(config, tmp_path) < 1e-5
        assert_same_history(ours, theirs)


def test_lanes_that_do_not_fit_into_one_program_follow_in_the_next(tmp_path: Path) -> None:
    configs = configs_of(MLP, ("seed=0", "seed=1", "seed=2"), tmp_path / "packed")
    tags = [record.tags["packed"].partition(",")[0] for record in packed(configs, lanes=2)]
    assert tags == ["1 of 2", "2 of 2", "1 of 1"]
    train(moved(configs[2], tmp_path / "alone"))
    assert largest_difference(configs[2], tmp_path) < 1e-5


def test_predictions_are_those_of_the_weights(tmp_path: Path) -> None:
    configs = configs_of(MLP, ("seed=0", "seed=1"), tmp_path)
    both(configs, tmp_path)
    for config in configs:
        folders = [find_folders(moved(config, tmp_path / side))[0] for side in ("packed", "alone")]
        ours, theirs = (np.load(folder / "predictions.npz") for folder in folders)
        assert ours.files == theirs.files
        assert all(np.allclose(ours[name], theirs[name], atol=1e-5) for name in ours.files)


def test_the_random_stream_of_the_process_does_not_matter(tmp_path: Path) -> None:
    configs = configs_of((*MLP, "tricks=[dropout]"), ("seed=0", "seed=1"), tmp_path / "packed")
    first = packed(configs)
    torch.manual_seed(99)
    again = packed([moved(config, tmp_path / "again") for config in configs])
    for one, other in zip(first, again, strict=True):
        assert one.metrics == other.metrics
        assert not any(math.isnan(value) for value in one.metrics.values())
