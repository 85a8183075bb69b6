"""Forty bad inputs: one clear line each, before any training, and nothing is left broken."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.records.record import RunRecord
from podium.run.assemble import check_run, compose, load_board
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.train import train

# What is asked for, and what the one line must say.
CONFIGURATIONS: list[tuple[str, str]] = [
    ("network=lenet", r"network=lenet is not in conf/network; did you mean lenet5"),
    ("data=digit", r"data=digit is not in conf/data; did you mean digits"),
    ("tricks=[dropuot]", r"tricks=dropuot is not in conf/tricks; did you mean dropout"),
    ("initializer=he_norm", r"conf/initializer; did you mean he_normal"),
    ("optimizer=adamm", r"did you mean adam"),
    ("trainer.max_epoch=3", r"trainer.max_epoch is not a key .* did you mean trainer.max_epochs"),
    ("trianer.max_epochs=3", r"did you mean trainer.max_epochs"),
    ("netwrok=lenet5", r"did you mean network"),
    ("tricks.dropout.p=0.5", r"tricks.dropout.p is not a key"),
    ("trainer.max_epochs=three", r"trainer.max_epochs must be int, got 'three'"),
    ("trainer.max_epochs=0", r"trainer.max_epochs must be at least 1, got 0"),
    ("trainer.max_epochs=2.5", r"trainer.max_epochs must be int, got 2.5"),
    ("trainer.precision=float16", r"trainer.precision must be one of 32-true"),
    ("trainer.accumulate=-1", r"accumulate must be at least 1"),
    ("runtime.threads=0", r"runtime.threads must be at least 1, got 0"),
    ("runtime.accelerator=tpu", r"runtime.accelerator must be one of auto, cpu"),
    ("runtime.devices=0", r"devices must be at least 1"),
    ("runtime.stop_epoch=0", r"stop_epoch must be null or at least 1"),
    ("seed=-1", r"seed must be an integer from 0"),
    ("seed=zero", r"seed must be an integer from 0"),
    ("name=[a]", r"name must be text"),
    ("optimizer.lr=-1", r"optimizer: Invalid learning rate: -1"),
    ("+optimizer.learning_rate=1", r"optimizer.learning_rate is not a parameter of Adam"),
    ("+network.depth=3", r"network.depth is not a parameter of LectureCNN"),
    ("~network.num_classes", r"network needs network.num_classes"),
    ("+colour=red", r"colour is not a key of a run"),
    ("~optimizer", r"a run needs the block optimizer"),
    ("network._target_=os.system", r"network._target_ must name a class below podium.networks"),
    ("network._target_=torch.load", r"must name a class below podium.networks"),
    ("network._target_=podium.networks.nothing.X", r"must be importable"),
    ("network._target_=podium.networks.lenet.nn", r"must be a class|must be defined where it is named"),
    ("network._target_=podium.tricks.penalty.Penalty", r"must name a class below podium.networks"),
    ("optimizer._target_=torch.optim.optimizer.torch.load", r"must be|importable"),
    ("+network._args_=[1]", r"network._args_ is not allowed"),
    ("network=lenet5", r"lenet5.*28x28.*got"),
    ("data=mnist1d", r"\(channels, height, width\)|images|image"),
    ("data.batch_size=0", r"batch_size must be at least 1, got 0"),
    ("data.split.test=1.5", r"test must be"),
    ("data.view.fraction=0", r"fraction must be"),
    ("data.view.standardize=whiten", r"data: standardize must be none or steps of"),
    ("data.num_classes=2", r"num_classes|classes"),
    ("data.shape=[1,9,9]", r"shape"),
    ("paths.data=${paths.dtaa}", r"paths.dtaa"),
    ("tracking.uri=https://me:secret@mlflow.example", r"tracking.uri must hold no password"),
    ("=", r"is not a key of this configuration"),
    ("tricks=[dropout", r"must be an override"),
]


def refused(work: Callable[[], Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        work()
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    return line


@pytest.mark.parametrize(("override", "expected"), CONFIGURATIONS, ids=[c[0] for c in CONFIGURATIONS])
def test_a_bad_configuration_is_refused_in_one_line_and_leaves_nothing(
    override: str, expected: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    base = [f"paths.runs={runs}", "tracking=none", "runtime.progress=false"]
    if not override.startswith("paths.data"):
        base.append(f"paths.data={tmp_path / 'data'}")

    line = refused(lambda: train(compose([*base, override])))
    assert re.search(expected, line), line
    assert list(runs.rglob("*")) == []


def small(tmp_path: Path, *more: str) -> dict[str, Any]:
    paths = (f"paths.runs={tmp_path}", f"paths.data={tmp_path / 'data'}")
    quick = ("network=linear", "trainer.max_epochs=1", "tracking=none", "runtime.progress=false")
    return compose([*paths, *quick, "runtime.accelerator=cpu", *more])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    config = small(tmp_path_factory.mktemp("finished"))
    train(config)
    return run_folder(config)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run to damage."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def test_a_folder_without_a_record_is_refused(tmp_path: Path) -> None:
    assert "must be the folder of a run" in refused(lambda: evaluate(tmp_path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "must be a JSON record"),
        (b"{", "must be a JSON record"),
        (b"[1]", "must have record schema"),
        (b'{"schema": 99}', "must have record schema 1, got 99"),
        (b'{"schema": 1, "x": 2}', "must hold the fields of a record only"),
        (b'{"schema": 1}', "must be a whole record"),
        (b"\xff\xfe\x00", "must be a JSON record"),
    ],
)
def test_a_damaged_record_is_refused(folder: Path, content: bytes, expected: str) -> None:
    (folder / "record.json").write_bytes(content)
    assert expected in refused(lambda: evaluate(folder))


@pytest.mark.parametrize(
    ("name", "expected"), [("missing", "no such file"), ("damaged", "must hold this network's")]
)
def test_missing_or_damaged_weights_are_refused(folder: Path, name: str, expected: str) -> None:
    weights = folder / "network.safetensors"
    weights.unlink() if name == "missing" else weights.write_bytes(b"not weights")
    assert expected in refused(lambda: evaluate(folder))


def test_weights_of_another_network_are_refused(folder: Path, tmp_path: Path) -> None:
    other = small(tmp_path / "other", "network=dense32")
    train(other)
    shutil.copy(run_folder(other) / "network.safetensors", folder / "network.safetensors")
    assert "must hold this network's weights" in refused(lambda: evaluate(folder))


def test_a_stranger_record_cannot_name_a_dangerous_target(folder: Path) -> None:
    config = RunRecord.load(folder).config
    stranger = {**config, "network": {"_target_": "shutil.rmtree", "path": str(folder)}}
    assert "must name a class below podium.networks" in refused(lambda: check_run(stranger))
    assert folder.is_dir()


def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path: Path) -> None:
    config = small(tmp_path, "trainer.max_epochs=3", "runtime.stop_epoch=1", "runtime.checkpoint_every_s=0")
    train(config)
    checkpoint = run_folder(config) / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert "delete it to train from the first step" in refused(lambda: train(config))
    checkpoint.unlink()
    train(small(tmp_path, "trainer.max_epochs=3"))


def test_a_run_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where a folder should be")
    assert "paths.runs must be a folder that can be written" in refused(
        lambda: train(small(tmp_path / "runs"))
    )


def test_a_board_that_is_not_there_is_refused() -> None:
    assert "did you mean digits" in refused(lambda: load_board("digit"))


def test_predictions_with_objects_in_them_are_not_unpickled(folder: Path) -> None:
    np.savez(folder / "predictions.npz", probability=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        evaluate(folder)
