"""Snapshot ensembles as whole runs: what is tested, saved, counted and scored again is the ensemble."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from podium.run.assemble import compose
from podium.run.build import build, build_network
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate, trained
from podium.run.folders import run_folder
from podium.run.interrupts import Interrupted
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]
SNAPSHOTS = (
    "tricks=[snapshot_ensemble]",
    "tricks.snapshot_ensemble.cycles=3",
    "tricks.snapshot_ensemble.last=2",
    "schedule=cyclic_cosine",
    "trainer.max_epochs=3",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, settings_in: Any) -> tuple[dict[str, Any], Any, Path]:
    """Configuration, record and folder of a run of three cycles, of which the last two snapshots answer."""
    config = settings_in(tmp_path_factory.mktemp("snapshots"), *SNAPSHOTS)
    return config, train(config), run_folder(config)


def test_the_schedule_has_as_many_cycles_as_there_are_snapshots(run: Any) -> None:
    assert run[0]["schedule"]["cycles"] == 3
    assert compose(["schedule=cyclic_cosine"])["schedule"]["cycles"] == 5


def test_what_is_tested_is_the_mean_of_both_snapshots_in_the_file(run: Any) -> None:
    config, record, folder = run
    saved = safetensors.torch.load_file(folder / "network.safetensors")
    members = [
        {name: tensor for name, tensor in saved.items() if not name.startswith("snapshots.")},
        {
            name.removeprefix("snapshots.0."): tensor
            for name, tensor in saved.items()
            if name.startswith("snap")
        },
    ]
    parts = build({**config, "tricks": {}})
    parts.data.prepare_data()
    parts.data.setup("test")
    batch = parts.data.examples("test").batch(slice(None))
    answers = []
    for member in members:
        parts.network.load_state_dict(member)
        answers.append(parts.network.eval()(batch.input).detach().double().softmax(1))
    assert not torch.allclose(*answers, atol=1e-3)
    with np.load(folder / "predictions.npz") as predictions:
        mean = (sum(answers) / 2).numpy()
        np.testing.assert_allclose(predictions["probability"], mean, atol=1e-6)
        error = (mean.argmax(1) != predictions["label"]).mean()
    assert record.metrics["test/top1_error"] == pytest.approx(error)


def test_the_saved_network_gives_the_same_answers_again(run: Any) -> None:
    _, record, folder = run
    found = evaluate(folder)
    assert found.largest_change == 0
    assert found.measured["test/loss"] == record.metrics["test/loss"]


def test_costs_are_those_of_two_networks_trained_once(run: Any, settings: Settings) -> None:
    _, record, _ = run
    plain = train(settings("trainer.max_epochs=1")).costs
    assert plain is not None
    for name in ("parameters", "size_mib", "multiply_adds", "activations"):
        assert record.costs[name] == 2 * plain[name], name
    assert record.costs["depth"] == plain["depth"]
    assert record.costs["train_s"] > 0


def test_validation_while_it_trains_is_of_one_network_and_at_its_end_of_the_ensemble(run: Any) -> None:
    _, record, _ = run
    history = record.history["validation/loss"]
    assert len(history) == 3
    assert record.metrics["validation/loss"] != pytest.approx(history[-1][1], rel=1e-3)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(run: Any, settings: Settings) -> None:
    _, record, _ = run
    paused = settings(*SNAPSHOTS, "runtime.stop_epoch=2")
    assert train(paused).status == "paused"
    config = settings(*SNAPSHOTS)
    with pytest.raises(Interrupted):
        train(config, after_first_step=lambda: os.kill(os.getpid(), signal.SIGINT))
    again = train(config)
    assert again.files["network.safetensors"] == record.files["network.safetensors"]
    assert again.files["predictions.npz"] == record.files["predictions.npz"]


def test_an_ensemble_of_snapshots_is_a_network_for_other_runs(run: Any) -> None:
    config, _, folder = run
    _, parts = trained(folder)
    network, _ = build_network(config)
    network.load_state_dict(parts.network.state_dict())
    assert len(network.snapshots) == 1


@pytest.mark.parametrize("other", ["ema", "swa", "early_stopping"])
def test_a_trick_that_ends_with_other_weights_is_refused_before_anything_is_read(
    settings: Settings, other: str
) -> None:
    with pytest.raises(ConfigError, match=r"^task: a run of snapshots must .*; leave one of both out$"):
        build(settings(f"tricks=[snapshot_ensemble,{other}]"))
