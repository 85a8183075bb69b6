"""`podium verify`, `evaluate` and `reproduce` with --badge: rows repeated, and evidence of it put beside the board."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from leaderboard.factory import make_board, make_entry, write_failure, write_run
from podium.leaderboard.board import Entry
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Badge, read_evidence
from podium.leaderboard.rows import read_summary
from podium.leaderboard.verify import verify
from podium.pack.again import train_again
from podium.records.record import RunRecord, Status
from podium.run.badges import Repeatable
from podium.run.boards import verify_command
from podium.run.errors import ConfigError
from podium.run.folders import find_folders
from podium.run.repeat import evaluate_board_command, reproduce_command
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]
SEEDS = [0, 1, 2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, settings_in: Callable[..., dict[str, Any]]) -> Path:
    """A folder with the runs of one entry, and the board of them."""
    home = tmp_path_factory.mktemp("repeat")
    configs = [settings_in(home, f"seed={seed}") for seed in SEEDS]
    records = [train(config) for config in configs]
    entry = Entry.from_config("quick", configs[0])
    board = make_board(["quick"], seeds=SEEDS, columns=["row", "entry", "top1_error", "badge"])
    build(board, [entry], [find_folders(record.config)[0] for record in records], home / "board")
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of the board; the runs and data stay where they are."""
    shutil.copytree(trained / "board", tmp_path / "board")
    return tmp_path


def places(trained: Path) -> dict[str, Any]:
    (record, *_) = [RunRecord.load(folder) for folder in record_folders(trained / "board")]
    return {"runs": Path(record.config["paths"]["runs"]), "data_root": record.config["data"]["root"]}


def badge_of(report: Path) -> str:
    (row,) = read_summary(report)["rows"]
    return str(row.get("badge", "none"))


def test_each_command_gives_its_badge_with_evidence_that_verifies(
    home: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, where = home / "board", places(trained)
    assert verify_command(report, badge=True) == 0
    assert badge_of(report) == "checked"
    assert evaluate_board_command(report, row=None, badge=True, **where) == 0
    assert badge_of(report) == "re-evaluated"
    assert (
        reproduce_command(report, row=1, data_root=where["data_root"], badge=True, train_again=train_again)
        == 0
    )
    assert badge_of(report) == "reproduced"
    said = capsys.readouterr().out
    assert "bit-equal: 3 of 3 runs have the same bits" in said
    assert f"evidence: {report}/evidence/reproduced-" in said
    assert sorted(one.badge for one in read_evidence(report)) == sorted(Badge)
    again = next(one for one in read_evidence(report) if one.badge is Badge.REPRODUCED)
    assert [run.seed for run in again.rows[0].runs] == SEEDS
    assert again.command == f"podium reproduce {report} --row 1 --data {where['data_root']} --badge"
    assert verify(report) == []


def test_seeds_are_told_in_their_order_whichever_is_over_first(
    home: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def backwards(
        published: Sequence[RunRecord], _: object, on_run: Callable[[RunRecord], None]
    ) -> list[RunRecord]:
        for record in published[::-1]:
            on_run(record)
        return list(published)

    root = places(trained)["data_root"]
    assert reproduce_command(home / "board", row=1, data_root=root, badge=False, train_again=backwards) == 0
    said = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  seed")]
    assert said == ["  seed 0", "  seed 1", "  seed 2"]


def test_without_badge_nothing_is_written(home: Path, trained: Path) -> None:
    report = home / "board"
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    assert verify_command(report, badge=False) == 0
    assert evaluate_board_command(report, row=1, badge=False, **places(trained)) == 0
    assert {path: path.read_bytes() for path in report.rglob("*") if path.is_file()} == before


def test_a_saved_network_that_was_changed_gives_no_badge(
    home: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = places(trained)
    runs = Path(shutil.copytree(where["runs"], home / "runs"))
    first, second, *_ = sorted(runs.glob("*-s?"))
    shutil.copyfile(first / "network.safetensors", second / "network.safetensors")
    report = home / "board"
    assert evaluate_board_command(report, row=1, runs=runs, data_root=where["data_root"], badge=True) == 1
    assert "no badge: not every answer is confirmed" in capsys.readouterr().out
    assert not (report / "evidence").exists()


def test_runs_that_are_not_those_of_the_board_are_refused(home: Path, trained: Path) -> None:
    where = {**places(trained), "runs": home / "nowhere"}
    with pytest.raises(ConfigError, match=r"nowhere must hold the run .*-s0 that was published, got none"):
        evaluate_board_command(home / "board", row=None, badge=True, **where)


def test_an_edited_board_is_given_no_badge_before_anything_is_trained(home: Path, trained: Path) -> None:
    page = home / "board" / "leaderboard.md"
    page.write_text(page.read_text().replace("self", "other"))
    with pytest.raises(ConfigError, match="must be as its records say"):
        reproduce_command(
            home / "board", row=1, data_root=places(trained)["data_root"], badge=True, train_again=train_again
        )
    assert verify_command(home / "board", badge=True) == 1
    assert not (home / "board" / "evidence").exists()


@pytest.mark.parametrize("kind", ["ensemble", "failed"])
def test_a_row_that_can_have_no_badge_is_refused_before_anything_is_repeated(
    tmp_path: Path, kind: str
) -> None:
    planned = [{"entry": "linear", "members": 2}] if kind == "ensemble" else []
    board = make_board(["linear"], seeds=SEEDS, columns=["row", "entry"], ensembles=planned)
    runs = [write_run(tmp_path / "runs", "linear", seed, history=None) for seed in SEEDS[:2]]
    if kind == "failed":
        runs.append(write_failure(tmp_path / "runs", "linear", 2, Status.DIVERGED, "the loss was NaN"))
    else:
        runs.append(write_run(tmp_path / "runs", "linear", 2, history=None))
    build(board, [make_entry("linear")], runs, tmp_path / "board")
    rows = {"ensembles" in row: row["number"] for row in read_summary(tmp_path / "board")["rows"]}
    number = rows[kind == "ensemble"]
    message = {
        "ensemble": "a badge is of the row of an entry, got row",
        "failed": r"finished, got \[0, 1\] in row",
    }
    with pytest.raises(ConfigError, match=message[kind]):
        Repeatable.of(tmp_path / "board", number, board, badge=True)
    assert Repeatable.of(tmp_path / "board", number, board, badge=False).number == number
