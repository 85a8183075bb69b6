"""network.weights=runs/NAME: the folder becomes a file and its hash, in the configuration."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from states import digest

from podium.records.record import RunRecord, Status, entry_hash
from podium.run import pretrained
from podium.run.build import build_network
from podium.run.errors import ConfigError
from podium.run.folders import run_folder
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, settings_in: Settings) -> Path:
    """The folder of a run of one epoch on digits."""
    config = settings_in(tmp_path_factory.mktemp("first"), "trainer.max_epochs=1")
    train(config)
    return run_folder(config)


def test_a_runs_folder_becomes_its_file_with_the_files_hash(finished: Path, settings: Settings) -> None:
    config = settings(f"network.weights={finished}/", "data.split.train_examples=200")
    file = finished / "network.safetensors"
    assert config["network"]["weights"] == f"{file}@{digest(file)[:16]}"
    assert entry_hash(config) == entry_hash(
        settings(f"network.weights={file}@{digest(file)}", "data.split.train_examples=200")
    )
    network, _ = build_network(config)
    fresh, _ = build_network(settings())
    assert not (network.output.weight == fresh.output.weight).any()


def test_another_network_in_the_folder_is_another_entry_and_is_never_loaded_for_the_first(
    finished: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished, tmp_path / "copy")
    before = settings(f"network.weights={folder}")
    file = folder / "network.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(
        ConfigError, match=r"requires .*network\.safetensors with SHA-256 .*, got .*; restore it"
    ):
        build_network(before)
    record = RunRecord.load(folder)
    record.with_(files={**(record.files or {}), "network.safetensors": digest(file)}).save(folder)
    assert entry_hash(settings(f"network.weights={folder}")) != entry_hash(before)


def test_a_run_that_has_not_finished_is_refused(finished: Path, settings: Settings, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "copy")
    RunRecord.load(folder).with_(status=Status.PAUSED).save(folder)
    with pytest.raises(
        ConfigError, match=r"must be the folder of a finished run, got .*, which is paused; train it"
    ):
        settings(f"network.weights={folder}")
    with pytest.raises(
        ConfigError, match=r"must be the folder of a finished run: .* got no record\.json; name one"
    ):
        settings(f"network.weights={tmp_path}")


OTHERWISE = [
    ["data.split.seed=1"],
    ["data.split.test=0.1"],
    ["data.split.validation=0.2"],
    ["data.split.validation=null", "data.split.folds=5"],
]


@pytest.mark.parametrize("split", OTHERWISE, ids=" ".join)
def test_the_same_data_split_otherwise_is_refused(
    finished: Path, settings: Settings, split: list[str]
) -> None:
    with pytest.raises(
        ConfigError, match=r"must not have been trained on what this run is tested on, .*; give both"
    ):
        settings(f"network.weights={finished}", *split)


def test_without_that_check_it_would_be_loaded(
    finished: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "check_apart", lambda *_: None)
    build_network(settings(f"network.weights={finished}", "data.split.seed=1"))


def test_a_run_of_another_fold_is_refused(settings: Settings) -> None:
    folds = ("data.split.validation=null", "data.split.folds=5", "trainer.max_epochs=1")
    first = settings(*folds)
    train(first)
    settings(*folds, f"network.weights={run_folder(first)}")
    with pytest.raises(ConfigError, match="must not have been trained on what this run is tested on"):
        settings(*folds, f"network.weights={run_folder(first)}", "seed=1")


def test_other_data_may_be_split_as_they_like(finished: Path, settings: Settings) -> None:
    assert settings(f"network.weights={finished}", "data=mnist5k", "data.split.seed=1")["network"]["weights"]


@pytest.mark.parametrize("word", ["torchvision", "timm", "timm:a1_in1k"])
def test_a_folder_named_as_what_is_published_is_not_meant(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str
) -> None:
    (tmp_path / word).mkdir()
    monkeypatch.chdir(tmp_path)
    assert settings(f"network.weights={word}")["network"]["weights"] == word
