"""docs/board-workflow.yaml on a repository of rows: its steps accept an honest pull request and refuse others."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leaderboard.factory import make_board, make_entry, write_run
from podium.leaderboard.attest import attest, check
from podium.leaderboard.build import build, rebuild

WORKFLOW = Path(__file__).parents[1] / "docs" / "board-workflow.yaml"
COLUMNS = ["row", "rank", "entry", "top1_error", "badge"]
GIT = ["git", "-c", "user.name=Doe", "-c", "user.email=doe@example.org", "-c", "commit.gpgsign=false"]


def steps() -> dict[str, dict[str, Any]]:
    """The steps that run commands, by name, without the installation."""
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "run" in step and step["name"] != "Install"}


def make(repository: Path, team: str, keys: list[str]) -> Path:
    """A team's folder of rows."""
    runs = [write_run(repository.parent / team, key, seed, history=None) for key in keys for seed in range(5)]
    out = repository / "rows" / team
    build(make_board(keys, columns=COLUMNS), [make_entry(key) for key in keys], runs, out)
    return out


def commit(repository: Path) -> None:
    for words in (["add", "-A"], ["commit", "-q", "-m", "rows"]):
        subprocess.run([*GIT, *words], cwd=repository, check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A board's repository with a house's rows, checked, on the branch origin/main; a pull request is under way."""
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run([*GIT, "init", "-q", "-b", "work"], cwd=folder, check=True)
    house = make(folder, "house", ["linear", "dense32"])
    attest(house, check(house, "podium verify rows/house --badge"))
    commit(folder)
    subprocess.run([*GIT, "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=folder, check=True)
    shim = tmp_path / "bin" / "podium"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m podium "$@"\n')
    shim.chmod(0o755)
    return folder


def failing(repository: Path) -> tuple[str | None, str]:
    """The first step that fails, as GitHub would run it, and what was said."""
    commit(repository)
    path = f"{repository.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    for name, step in steps().items():
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=repository,
            env={**os.environ, "PATH": path, "BASE": "origin/main"},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return name, done.stdout + done.stderr
    return None, ""


def test_the_workflow_is_whole_and_asks_for_no_more_than_reading() -> None:
    raw = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    assert raw["permissions"] == {"contents": "read"}
    assert raw["jobs"]["board"]["steps"][0]["with"] == {"fetch-depth": 0}
    assert [name.partition(" ")[0] for name in steps()] == ["No", "Every", "All"]


@pytest.mark.slow
def test_an_honest_row_passes_and_makes_one_board(repository: Path) -> None:
    make(repository, "doe", ["lecture_cnn"])
    assert failing(repository) == (None, "")
    rows = json.loads((repository / "board" / "board.json").read_text())["rows"]
    assert {row["entry"]: row["badge"] for row in rows} == {
        "linear": "checked",
        "dense32": "checked",
        "lecture_cnn": "self-reported",
    }


def better(repository: Path) -> None:
    """A page with a better number."""
    page = make(repository, "doe", ["lecture_cnn"]) / "leaderboard.md"
    page.write_text(page.read_text().replace("1.9", "0.9"))


def other_record(repository: Path) -> None:
    """Somebody else's run is replaced by a worse one, and all pages by those that fit."""
    house = repository / "rows" / "house"
    run = write_run(repository.parent / "worse", "linear", 0, rate=0.5, history=None)
    (folder,) = (house / "records").glob(f"{run.name.split('-')[1]}-s0")
    for file in run.iterdir():
        shutil.copy(file, folder)
    shutil.rmtree(house / "evidence")
    rebuild(house, house)


def no_evidence(repository: Path) -> None:
    """Somebody else's badge is taken away."""
    house = repository / "rows" / "house"
    shutil.rmtree(house / "evidence")
    rebuild(house, house)


def same_entry(repository: Path) -> None:
    """A row that is there already."""
    make(repository, "doe", ["linear"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("do", "step", "said"),
    [
        (better, "Every number", "leaderboard.md: sha256 is published as"),
        (other_record, "No record", "records/"),
        (no_evidence, "No record", "evidence/checked-"),
        (same_entry, "All rows", "an entry must be on one of the boards, got linear"),
    ],
    ids=["better", "other_record", "no_evidence", "same_entry"],
)
def test_another_pull_request_is_refused_by_its_step(
    repository: Path, do: Callable[[Path], None], step: str, said: str
) -> None:
    do(repository)
    name, text = failing(repository)
    assert name is not None
    assert name.startswith(step), text
    assert said in text
