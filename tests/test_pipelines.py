"""The pipelines made of commands: every step is one that exists, in an order that stops at the first failure."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.cli import _parse, _parsers
from podium.run.assemble import board_and_out

FOLDER = Path(__file__).parents[1] / "pipelines"
PIPELINES = [path for path in sorted(FOLDER.glob("*.py")) if "STEPS" in path.read_text(encoding="utf-8")]


@pytest.fixture(params=PIPELINES, ids=lambda path: path.stem)
def pipeline(request: pytest.FixtureRequest) -> dict[str, Any]:
    return runpy.run_path(str(request.param))


def run_with(
    pipeline: dict[str, Any], code_of: Callable[[list[str]], int], folder: Path
) -> tuple[int, list[list[str]]]:
    """The exit code and the commands carried out, with a stand-in for the processes."""
    carried_out: list[list[str]] = []

    class Processes:
        @staticmethod
        def run(command: list[str], *, cwd: Path, check: bool) -> Any:
            assert cwd == folder
            carried_out.append(command[3:])
            return type("Done", (), {"returncode": code_of(command[3:])})

    pipeline["main"].__globals__["subprocess"] = Processes
    return pipeline["main"](folder), carried_out


def test_every_step_is_a_command_line_that_parses(pipeline: dict[str, Any]) -> None:
    for step in pipeline["STEPS"]:
        words = list(step)
        assert _parse(*_parsers(words), words).command
        if step[0] == "leaderboard":
            board_and_out(step[1:])


def test_all_steps_are_carried_out_in_order(pipeline: dict[str, Any], tmp_path: Path) -> None:
    code, carried_out = run_with(pipeline, lambda step: 0, tmp_path)
    assert code == 0
    assert carried_out == [list(step) for step in pipeline["STEPS"]]


def test_a_failing_step_ends_the_pipeline_with_its_exit_code(
    pipeline: dict[str, Any], tmp_path: Path
) -> None:
    code, carried_out = run_with(pipeline, lambda step: 3 if step[0] == "verify" else 0, tmp_path)
    assert code == 3
    assert carried_out[-1][0] == "verify"
