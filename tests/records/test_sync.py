import json
import math
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from podium.records import alive, pusher, sync
from podium.records.journal import JOURNAL_FILE, Journal
from podium.records.record import RunRecord, Status

from .folders import TRACKING, as_dead_process, config, database, finish, finished, long_ago, record, start


def test_mlflow_shows_all_of_a_run_and_the_second_sync_sends_nothing(runs: Path, look) -> None:
    done = finished(runs / "b", seed=1, points=1200, groups=["sweep", "p=0.5"], tags={"board": "digits"})
    report = sync.sync(runs)
    assert (report.sent, report.points, report.problems, report.away) == (1, 2402, [], {})
    seen = look(database(runs))
    run = seen.runs()["key1"]
    assert run.info.status == "FINISHED"
    assert seen.steps(run) == Counter(range(1200))
    assert run.data.metrics["test/top1_error"] == 0.125
    assert run.data.metrics["cost/parameters"] == 25450
    assert run.data.params["tricks.dropout.p"] == "0.5"
    assert run.data.tags["podium.entry_hash"] == done.entry_hash
    assert run.inputs.dataset_inputs[0].dataset.name == "digits"
    groups = seen.groups()
    assert run.data.tags["mlflow.parentRunId"] == groups["p=0.5"].info.run_id
    assert groups["p=0.5"].data.tags["mlflow.parentRunId"] == groups["sweep"].info.run_id
    assert {group.info.status for group in groups.values()} == {"FINISHED"}
    names = {file.path for file in seen.client.list_artifacts(run.info.run_id)}
    assert names == {
        "record.json",
        "config.yaml",
        "network.safetensors",
        "predictions.npz",
        "learning_curves.png",
    }
    again = sync.sync(runs)
    assert (again.sent, again.there) == (0, 1)


def test_a_sync_notes_how_large_the_tables_are_for_sqlite(runs: Path, monkeypatch) -> None:
    def runs_known() -> int:
        with closing(sqlite3.connect(runs / "mlflow.db")) as opened:
            (found,) = opened.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'runs'").fetchone()
        return int(found.split()[0])

    before = runs_known()
    finished(runs / "b", seed=1)
    with monkeypatch.context() as off:
        off.setattr(pusher, "note_sizes", lambda database: None)
        assert sync.sync(runs).sent == 1
    assert runs_known() == before
    finished(runs / "c", seed=2)
    assert sync.sync(runs).sent == 1
    assert runs_known() == before + 2


def test_the_second_sync_does_not_import_mlflow(runs: Path) -> None:
    finished(runs / "b", groups=["sweep"])
    sync.sync(runs)
    code = (
        "import sys; from pathlib import Path; from podium.records.sync import run_sync;"
        f"run_sync(Path({str(runs)!r}), uri=None, follow=False); print('mlflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1 runs: 0 sent with 0 points, 1 were there", "False"]


def test_a_run_that_died_is_closed_as_failed_and_can_go_on(runs: Path, look) -> None:
    journal, made = start(runs / "b", seed=1)
    journal.close()
    as_dead_process(runs / "b" / JOURNAL_FILE)
    long_ago(runs / "b")
    report = sync.sync(runs)
    assert report.died == [str(runs / "b")]
    seen = look(database(runs))
    assert seen.runs()["key1"].info.status == "FAILED"
    assert "podium.died" in seen.runs()["key1"].data.tags
    buried = RunRecord.load(runs / "b")
    assert buried.status is Status.INTERRUPTED
    journal.resume(2)
    made.with_(resumes=1).save(runs / "b")
    assert sync.sync(runs).died == []
    assert seen.runs()["key1"].info.status == "RUNNING"
    assert "podium.died" not in seen.runs()["key1"].data.tags


def test_a_run_that_lives_is_not_closed(runs: Path, look) -> None:
    start(runs / "b", seed=1)
    long_ago(runs / "b")
    report = sync.sync(runs)
    assert (report.died, report.alive) == ([], 1)
    assert look(database(runs)).runs()["key1"].info.status == "RUNNING"


def test_a_run_of_another_machine_lives_while_it_writes(tmp_path: Path) -> None:
    folder = tmp_path / "b"
    journal, made = start(folder)
    journal.close()
    as_dead_process(folder / JOURNAL_FILE)
    text = (folder / JOURNAL_FILE).read_text()
    lines = [json.loads(line) | {"host": "elsewhere"} for line in text.splitlines()]
    (folder / JOURNAL_FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    long_ago(folder)
    assert not alive.died(folder, made)
    alive_for = alive.SILENT_S
    alive.SILENT_S = 1.0
    try:
        assert alive.died(folder, made)
    finally:
        alive.SILENT_S = alive_for


def test_groups_stay_open_while_a_run_in_them_lives(runs: Path, look) -> None:
    finished(runs / "b", seed=1, groups=["sweep", "one"])
    journal, made = start(runs / "c", seed=2, groups=["sweep", "two"])
    sync.sync(runs)
    groups = look(database(runs)).groups
    assert {name: group.info.status for name, group in groups().items()} == {
        "sweep": "RUNNING",
        "one": "FINISHED",
        "two": "RUNNING",
    }
    finish(runs / "c", journal, made)
    sync.sync(runs)
    assert {group.info.status for group in groups().values()} == {"FINISHED"}


def test_infinities_are_left_out_and_counted_and_nan_stays(runs: Path, look) -> None:
    journal, made = start(runs / "b", seed=1, points=1)
    journal.points(1, 0, {"train/loss": math.inf})
    journal.points(2, 0, {"train/loss": math.nan})
    finish(runs / "b", journal, made, Status.DIVERGED)
    sync.sync(runs)
    seen = look(database(runs))
    run = seen.runs()["key1"]
    assert run.info.status == "FAILED"
    assert run.data.tags["podium.infinite_points"] == "1"
    points = seen.client.get_metric_history(run.info.run_id, "train/loss")
    assert [point.step for point in points] == [0, 2]
    assert math.isnan(points[1].value)


def test_a_damaged_run_is_named_and_the_others_are_sent(runs: Path, look, capsys) -> None:
    finished(runs / "b", seed=1)
    finished(runs / "c", seed=2)
    (runs / "b" / "record.json").write_text("{")
    assert sync.run_sync(runs, uri=None, follow=False) == 1
    assert f"podium: {runs}/b/record.json must be a JSON record" in capsys.readouterr().out
    assert "key2" in look(database(runs)).runs()


def test_a_different_store_gets_everything_and_each_is_remembered(
    runs: Path, tmp_path: Path, schema, look
) -> None:
    finished(runs / "b", seed=1)
    shutil.copy(schema, tmp_path / "other.db")
    other = f"sqlite:///{tmp_path}/other.db"
    assert [sync.sync(runs, uri=uri).sent for uri in (None, other, None, other)] == [1, 1, 0, 0]
    assert "key1" in look(other).runs()


def test_a_deleted_database_is_filled_again(runs: Path, schema: Path, look) -> None:
    finished(runs / "b", seed=1)
    sync.sync(runs)
    (runs / "mlflow.db").unlink()
    sync.sync(runs)
    assert "key1" in look(database(runs)).runs()


def test_runs_without_tracking_are_counted_and_left_alone(tmp_path: Path) -> None:
    finished(tmp_path / "b", config=config(uri=None))
    report = sync.sync(tmp_path)
    assert (report.sent, report.without_store) == (0, 1)


def test_a_run_begun_anew_is_another_run_with_its_own_points(runs: Path, look) -> None:
    journal, made = start(runs / "b", seed=1, points=5)
    finish(runs / "b", journal, made, Status.FAILED)
    sync.sync(runs)
    journal, made = start(runs / "b", seed=1, points=2, run_key="again")
    finish(runs / "b", journal, made)
    sync.sync(runs)
    seen = look(database(runs))
    assert seen.steps(seen.runs()["again"]) == Counter(range(2))
    assert seen.steps(seen.runs()["key1"]) == Counter(range(5))


@pytest.mark.slow
def test_two_processes_may_create_the_database_at_once(tmp_path: Path, look) -> None:
    for seed in range(2):
        finished(tmp_path / f"runs{seed}" / "b", seed=seed)
    code = (
        "import sys; from pathlib import Path; from podium.records.sync import run_sync;"
        "sys.exit(run_sync(Path(sys.argv[1]), uri=sys.argv[2], follow=False))"
    )
    uri = f"sqlite:///{tmp_path}/new/mlflow.db"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen([*command, str(tmp_path / f"runs{seed}"), uri]) for seed in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert look(uri).runs().keys() == {"key0", "key1"}


def test_a_follower_sends_while_a_process_trains_and_ends_by_itself(runs: Path, look) -> None:
    code = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from records.folders import TRACKING, start, take, finish
        from podium.records.sync import spawn_follower, wait_for_sync
        folder = Path({str(runs / "b")!r})
        journal, made = start(folder, seed=1)
        began = time.perf_counter()
        spawn_follower(folder, TRACKING)
        spawn_follower(folder, TRACKING)
        print(time.perf_counter() - began < 1.0)
        time.sleep(0.5)
        take(journal, 3, 6)
        finish(folder, journal, made)
        print(wait_for_sync(folder, TRACKING, stay_s=120))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["True", f"MLflow: {database(runs)} has it; `podium ui` shows it"]
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"]) == Counter(range(6))
    until = time.monotonic() + 20
    while "were there" not in (runs / sync.LOG_FILE).read_text():
        assert time.monotonic() < until, (runs / sync.LOG_FILE).read_text()
        time.sleep(0.1)


def test_waiting_minds_only_ended_runs_with_a_store_and_not_for_long(tmp_path: Path) -> None:
    finished(tmp_path / "a", config=config(uri=None))
    start(tmp_path / "b", seed=1)
    assert sync.wait_for_sync(tmp_path, TRACKING, stay_s=0.0).endswith("has it; `podium ui` shows it")
    finished(tmp_path / "c", seed=2)
    assert "does not have all yet" in sync.wait_for_sync(tmp_path, TRACKING, stay_s=0.2)


def test_a_follower_is_not_started_where_nobody_wants_one(tmp_path: Path) -> None:
    sync.spawn_follower(tmp_path, {**TRACKING, "follow": False})
    sync.spawn_follower(tmp_path, {**TRACKING, "uri": None})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys) -> None:
    assert sync.run_sync(tmp_path / "lost", uri=None, follow=False) == 2
    assert "runs must be a folder, got" in capsys.readouterr().err


def test_copies_of_records_among_artifacts_are_not_runs(tmp_path: Path) -> None:
    finished(tmp_path / "deep" / "b")
    copy = tmp_path / "mlartifacts" / "1" / "artifacts"
    copy.mkdir(parents=True)
    record().save(copy)
    (tmp_path / ".hidden").mkdir()
    finished(tmp_path / ".hidden" / "c")
    assert pusher.find_runs(tmp_path) == [tmp_path / "deep" / "b"]
    assert pusher.find_runs(tmp_path / "deep" / "b") == [tmp_path / "deep" / "b"]


def test_a_journal_that_is_missing_keeps_a_folder_from_being_a_run(tmp_path: Path) -> None:
    record().save(tmp_path / "b")
    assert pusher.find_runs(tmp_path) == []
    Journal(tmp_path / "b" / JOURNAL_FILE).start("key0")
    assert pusher.find_runs(tmp_path) == [tmp_path / "b"]
