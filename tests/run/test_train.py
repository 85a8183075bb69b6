"""One run from configuration to record."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import yaml

from podium.metrics.classification import evaluate as metrics_of
from podium.records.files import sha256_of
from podium.records.record import RunRecord, Status
from podium.run import train as train_module
from podium.run.assemble import compose
from podium.run.errors import ConfigError
from podium.run.estimate import estimate_seconds
from podium.run.evaluate import evaluate
from podium.run.folders import exclusive, find_record, run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]


def test_a_run_leaves_its_configuration_record_predictions_weights_and_pictures(settings: Settings) -> None:
    config = settings()
    record = train(config)
    folder = run_folder(config)
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.yaml",
        "confusion_matrix.png",
        "events.jsonl",
        "last.ckpt",
        "learning_curves.png",
        "network.safetensors",
        "predictions.npz",
        "record.json",
    }
    assert yaml.safe_load((folder / "config.yaml").read_text()) == config == record.config
    assert RunRecord.load(folder) == record
    assert record.files is not None
    assert all(sha256_of(folder / name) == digest for name, digest in record.files.items())


def test_the_record_says_what_was_measured_on_what(settings: Settings) -> None:
    record = train(settings())
    assert record.status is Status.FINISHED
    assert record.data is not None
    assert record.data.sizes == {"train": 1222, "validation": 216, "test": 359}
    assert record.costs is not None
    assert record.costs["parameters"] == 64 * 32 + 32 + 32 * 10 + 10
    assert min(record.costs.values()) > 0
    assert record.environment.threads == 1
    assert record.history is not None
    assert [step for step, _ in record.history["validation/top1_error"]] == [20, 40]


def test_the_recorded_metrics_are_those_of_the_predictions(settings: Settings) -> None:
    config = settings()
    record = train(config)
    assert record.metrics is not None
    with np.load(run_folder(config) / "predictions.npz", allow_pickle=False) as saved:
        again = metrics_of(dict(saved))
    assert again == {name: value for name, value in record.metrics.items() if name.startswith("test/")}


def test_a_finished_run_is_not_trained_again_under_any_name(settings: Settings) -> None:
    first = train(settings())
    assert train(settings()) == first
    assert train(settings("name=another")) == first


def test_the_same_seed_gives_the_same_bits_whatever_ran_before(settings: Settings, tmp_path: Path) -> None:
    first = train(settings())
    torch.rand(17)
    again = train(settings(f"paths.runs={tmp_path / 'again'}"))
    other = train(settings("seed=1"))
    assert first.files is not None
    assert again.files == first.files
    assert again.history == first.history
    assert other.files != first.files
    assert other.entry_hash == first.entry_hash


def test_two_processes_never_train_into_one_folder(settings: Settings) -> None:
    config = settings()
    holder = (
        "import sys, time; from pathlib import Path; from podium.run.folders import exclusive\n"
        f"with exclusive(Path({str(run_folder(config))!r})): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another process training in it"):
            train(config)
        process.kill()
    with exclusive(run_folder(config)):
        pass


def test_a_run_that_raises_is_recorded_as_failed_and_trained_afresh_next_time(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings()

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("the disk is full\nsecond line")

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "fit", broken)
        with pytest.raises(RuntimeError, match="the disk is full"):
            train(config)
    failed = find_record(config)
    assert failed is not None
    assert failed.status is Status.FAILED
    assert failed.error == "RuntimeError: the disk is full"
    assert train(config).status is Status.FINISHED


def test_evaluating_confirms_the_record_and_notices_other_weights(settings: Settings) -> None:
    config = settings()
    train(config)
    folder = run_folder(config)
    result = evaluate(folder)
    assert result.largest_change == 0.0
    assert result.measured == result.recorded
    weights = safetensors.torch.load_file(folder / "network.safetensors")
    safetensors.torch.save_file(
        {name: w + 0.1 for name, w in weights.items()}, folder / "network.safetensors"
    )
    assert evaluate(folder).largest_change > 1e-4


@pytest.mark.parametrize(
    "override",
    [
        "trainer.channels_last=true",
        "trainer.accumulate=3",
        "optimizer=momentum",
    ],
)
def test_layout_accumulation_and_optimizer_are_configuration(settings: Settings, override: str) -> None:
    record = train(settings("network=lecture_cnn", "trainer.max_epochs=1", override))
    assert record.status is Status.FINISHED


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_a_network_of_any_precision_is_scored_as_its_file_is(settings: Settings, precision: str) -> None:
    config = settings("trainer.max_epochs=1", f"trainer.precision={precision}")
    assert train(config).status is Status.FINISHED
    assert evaluate(run_folder(config)).largest_change == 0.0


@pytest.mark.slow
def test_a_compiled_network_trains_and_saves_plain_names(settings: Settings) -> None:
    config = settings("trainer.compile=true", "trainer.max_epochs=1")
    train(config)
    names = set(safetensors.torch.load_file(run_folder(config) / "network.safetensors"))
    plain = settings("trainer.max_epochs=1")
    train(plain)
    assert names == set(safetensors.torch.load_file(run_folder(plain) / "network.safetensors"))
    assert evaluate(run_folder(config)).largest_change < 1e-5


def test_the_estimate_is_within_reach_of_the_truth(settings: Settings) -> None:
    config = settings("network=lecture_cnn", "trainer.max_epochs=4")
    estimate = estimate_seconds(config)
    record = train(config)
    assert record.costs is not None
    assert 0.1 < estimate / record.costs["train_s"] < 10


def test_the_journal_is_one_event_a_line(settings: Settings) -> None:
    config = settings("runtime.flush_every_n_steps=5")
    train(config)
    events = [json.loads(line) for line in (run_folder(config) / "events.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in events] == ["start", *["point"] * 10, "finish"]
    assert compose(["network=dense32"])["runtime"]["flush_every_n_steps"] == 50
