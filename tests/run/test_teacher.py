"""A student learns from a finished run, named by its folder and the hash of its weights."""

import shutil
from pathlib import Path

import pytest
import torch

from podium.records.files import sha256_of
from podium.records.record import Status
from podium.run.build import build, build_network
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import run_folder
from podium.run.teacher import trained_network
from podium.run.train import train
from run.conftest import quick

DISTILL = ("network=linear", "tricks=[distillation]", "trainer.max_epochs=1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A teacher as configurations name it."""
    config = quick(tmp_path_factory.mktemp("teacher"), "tricks=[dropout]")
    train(config)
    folder = run_folder(config)
    return f"{folder}@{sha256_of(folder / 'network.safetensors')[:16]}"


def test_a_student_is_trained_and_scored_again_where_its_teacher_is_gone(
    finished: str, tmp_path: Path
) -> None:
    folder, _, digits = finished.partition("@")
    shutil.copytree(folder, tmp_path / "teacher")
    student = quick(tmp_path, *DISTILL, f"tricks.distillation.teacher={tmp_path / 'teacher'}@{digits}")
    plain = quick(tmp_path, "network=linear", "trainer.max_epochs=1")
    taught, alone = train(student), train(plain)
    assert taught.status is Status.FINISHED
    assert taught.entry_hash != alone.entry_hash
    assert taught.metrics != alone.metrics
    shutil.rmtree(tmp_path / "teacher")
    again = evaluate(run_folder(student))
    assert again.largest_change == 0.0


def test_a_teacher_is_the_runs_network_and_draws_nothing(finished: str, tmp_path: Path) -> None:
    config = quick(tmp_path)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one = trained_network(finished, data=config["data"], build=build_network)
    assert torch.equal(state, torch.get_rng_state())
    again = trained_network(finished, data=config["data"], build=build_network)
    inputs = torch.rand(4, *config["data"]["shape"])
    with torch.no_grad():
        assert torch.equal(one.eval()(inputs), again.eval()(inputs))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda source: source.partition("@")[0], r"must be named with the hash .*; write .*@[0-9a-f]{16}$"),
        (
            lambda source: source.partition("@")[0] + "@" + "0" * 16,
            r"must be named with the hash of its weights",
        ),
        (
            lambda source: "nowhere@" + "0" * 16,
            r"^a teacher must be the folder of a finished run, got nowhere",
        ),
    ],
)
def test_what_is_no_teacher_is_refused(finished: str, tmp_path: Path, edit, message: str) -> None:
    config = quick(tmp_path, *DISTILL, f"tricks.distillation.teacher={edit(finished)}")
    with pytest.raises(ConfigError, match=message):
        train(config)
    assert not run_folder(config).exists()


@pytest.mark.parametrize("change", ["data.split.seed=1", "data.view.permute_seed=3"])
def test_a_teacher_of_other_data_is_refused(finished: str, tmp_path: Path, change: str) -> None:
    config = quick(tmp_path, change)
    with pytest.raises(
        ConfigError, match=r"^a teacher must be trained on the same data, got .*data\.(split|view)="
    ):
        trained_network(finished, data=config["data"], build=build_network)


def test_a_run_without_its_teachers_name_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^tricks.distillation.teacher must be str, got None"):
        quick(tmp_path, *DISTILL)
    with pytest.raises(ConfigError, match=r"^tricks.distillation.teacher must be str, got 3"):
        quick(tmp_path, *DISTILL, "tricks.distillation.teacher=3")


def test_a_teacher_is_not_loaded_by_building_alone(tmp_path: Path) -> None:
    parts = build(quick(tmp_path, *DISTILL, "tricks.distillation.teacher=nowhere"))
    assert type(parts.tricks[0]).__name__ == "Distillation"
