"""The pipelines made of commands: every step is one that exists, in an order that stops at the first failure."""

import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from podium.cli import _parse, _parsers
from podium.run.assemble import board_and_out

TOP = Path(__file__).parents[1]
FOLDER = TOP / "pipelines"
PIPELINES = [path for path in sorted(FOLDER.glob("*.py")) if "STEPS = (" in path.read_text(encoding="utf-8")]


@pytest.fixture(params=PIPELINES, ids=lambda path: path.stem)
def pipeline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(FOLDER))  # as python does for a script
    return runpy.run_path(str(request.param))


def run_with(
    pipeline: dict[str, Any], code_of: Callable[[list[str]], int], folder: Path, *words: str
) -> tuple[int, list[list[str]]]:
    """The exit code and the commands carried out, with a stand-in for the processes."""
    carried_out: list[list[str]] = []

    class Processes:
        @staticmethod
        def run(command: list[str], *, cwd: Path, check: bool) -> Any:
            assert cwd == folder
            assert command[:3] == [sys.executable, "-m", "podium"]
            carried_out.append(command[3:])
            return type("Done", (), {"returncode": code_of(command[3:])})

    carry_out = pipeline["carry_out"]
    carry_out.__globals__["subprocess"] = Processes
    return carry_out(pipeline["STEPS"], [str(folder), *words]), carried_out


def filled(steps: Sequence[Any], *words: str) -> list[list[str]]:
    return [[word for part in step for word in (words if part is ... else [part])] for step in steps]


def test_every_step_is_a_command_line_that_parses(pipeline: dict[str, Any]) -> None:
    for words in filled(pipeline["STEPS"]):
        assert _parse(*_parsers(words), words).command
        if words[0] == "leaderboard":
            board_and_out(words[1:])


def test_all_steps_are_carried_out_in_order(pipeline: dict[str, Any], tmp_path: Path) -> None:
    code, carried_out = run_with(pipeline, lambda step: 0, tmp_path / "new")
    assert code == 0
    assert carried_out == filled(pipeline["STEPS"])
    assert (tmp_path / "new").is_dir()


def test_words_behind_the_folder_go_where_the_steps_say(pipeline: dict[str, Any], tmp_path: Path) -> None:
    _, carried_out = run_with(pipeline, lambda step: 0, tmp_path, "one=1", "two=2")
    assert carried_out == filled(pipeline["STEPS"], "one=1", "two=2")


def test_a_failing_step_ends_the_pipeline_with_its_exit_code(
    pipeline: dict[str, Any], tmp_path: Path
) -> None:
    last = filled(pipeline["STEPS"])[min(1, len(pipeline["STEPS"]) - 1)]
    code, carried_out = run_with(pipeline, lambda step: 3 if step == last else 0, tmp_path)
    assert code == 3
    assert carried_out[-1] == last


def test_the_clusters_nightly_job_does_what_the_nightly_pipeline_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    steps = filled(runpy.run_path(str(FOLDER / "nightly.py"))["STEPS"])
    job = yaml.safe_load((TOP / "k8s/base/leaderboard.yaml").read_text(encoding="utf-8"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    containers = [*pod["initContainers"], *pod["containers"]]
    commands = [one["command"][1:] for one in containers if one["command"][0] == "podium"]
    assert [command[0] for command in commands] == [step[0] for step in steps]
    assert commands[0][:2] == steps[0]
    assert commands[2][:2] == steps[2]
