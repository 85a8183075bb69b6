"""What was tried for each row is counted from the records of the runs' folder and shown."""

import json
from pathlib import Path

from leaderboard.account_cases import KEYS, best_of_many, change, publish, trial
from leaderboard.factory import COLUMNS, make_config, make_entry, write_run, write_runs
from podium.leaderboard.build import rebuild
from podium.leaderboard.rows import read_summary
from podium.leaderboard.tried import TRIED_FILE, Effort, account
from podium.leaderboard.verify import verify
from podium.records.record import RunRecord, Status


def tuned(runs: Path, **tags: str) -> Path:
    """Seven rates were tried for one row, and none for the other."""
    write_runs(runs, KEYS)
    for number in range(6):
        trial(runs, number, status=Status.FAILED if number == 5 else Status.FINISHED, tags=tags)
    return publish(runs, columns=[*COLUMNS, "tried"])


def test_what_was_tried_for_each_row_is_counted_from_the_records_and_shown(tmp_path):
    report = tuned(tmp_path / "runs")
    raw = read_summary(report)
    tried = {row["entry"]: row["tried"] for row in raw["rows"]}
    assert (tried["dense32"]["configurations"], tried["dense32"]["runs"]) == (7, 11)
    assert (tried["linear"]["configurations"], tried["linear"]["runs"]) == (1, 5)
    seconds = [
        RunRecord.load(folder).costs["train_s"]
        for folder in (tmp_path / "runs").iterdir()
        if "32" in folder.name
    ]
    assert tried["dense32"]["seconds"] > sum(seconds)
    page = (report / "leaderboard.md").read_text()
    assert "Rows were tuned unequally" in page
    assert "Rows were tuned unequally" in (report / "index.html").read_text()
    assert "7 configurations, 11 runs" in page
    assert {row["entry"]: row["values"]["tried"] for row in raw["rows"]} == {"linear": 1.0, "dense32": 7.0}
    assert verify(report) == []


def test_short_times_are_not_shown_in_hours():
    assert [Effort(1, 1, s).time for s in (4.24, 95, 7000)] == ["4.2 s", "1.6 min", "1.9 h"]


def test_equal_tuning_is_not_called_unequal_and_a_board_without_an_account_says_so(tmp_path):
    write_runs(tmp_path / "runs", KEYS)
    report = publish(tmp_path / "runs")
    assert "tuned unequally" not in (report / "index.html").read_text()
    assert "without an account" not in (report / "index.html").read_text()
    (report / TRIED_FILE).unlink()
    rebuild(report, tmp_path / "again")
    assert "without an account of what was tried" in (tmp_path / "again" / "index.html").read_text()


def test_a_whole_sweep_counts_for_the_entry_that_it_found(tmp_path):
    """Other networks too, where one sweep compared them."""
    runs = tmp_path / "runs"
    write_runs(runs, KEYS)
    wide = write_run(runs, "dense512", 0, tags={"sweep": "widths"})
    assert account_of(runs, "dense32") == 1
    change(next(runs.glob("dense32-*-s0")), tags={"sweep": "widths"})
    assert account_of(runs, "dense32") == 2
    assert account_of(runs, "linear") == 1
    assert wide.is_dir()


def account_of(runs: Path, key: str) -> int:
    entries = [make_entry(name) for name in KEYS]
    configs = {name: make_config(name, name, 0) for name in KEYS}
    return len({one.entry_hash for one in account(entries, configs, [runs]) if key in one.entries})


def test_a_changed_account_is_found_and_a_damaged_one_named(tmp_path):
    report = best_of_many(tmp_path / "runs")
    said = json.loads((report / TRIED_FILE).read_text())
    said["runs"] = [run for run in said["runs"] if run["seed"] < 5]
    (report / TRIED_FILE).write_text(json.dumps(said))
    assert {(one.file, one.field) for one in verify(report)} >= {(TRIED_FILE, "sha256")}
    (report / TRIED_FILE).write_text("{")
    assert any("must be a list of runs" in str(one) for one in verify(report))


def test_what_is_no_record_is_passed_over(tmp_path):
    runs = tmp_path / "runs"
    write_runs(runs, KEYS)
    for name, content in (("half", "{"), ("other", "[]"), ("poor", "{}")):
        (runs / name).mkdir()
        (runs / name / "record.json").write_text(content)
    assert account_of(runs, "linear") == account_of(runs, "dense32") == 1
