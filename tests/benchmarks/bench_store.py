"""An MLflow store of 10,000 runs: what Podium asks of it, beside what it asks of an empty one.

Some hundred runs are sent by Podium's own pusher, which is timed; the others are copies of their rows in the SQLite
file, and their folders copies of the folders with the marks of what was sent.
"""

import hashlib
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from podium.records.pusher import MARKER_FILE, Pusher
from podium.records.record import RECORD_FILE
from podium.records.sizes import note_sizes
from records.folders import finished

Note = Callable[..., None]
RUNS, SENT, MORE, POINTS, PAGE = 10_000, 100, 30, 50, 100
METRICS = 2 * POINTS  # of a run: its journal has two of each step
FIRST = 77_777  # the seed of a run that is there before
OURS = f"key = 'podium.run_key' AND value <> 'key{FIRST}'"
SYNC_S, PAGE_S, SLOWER = 10.0, 1.0, 2.0
UUID = "substr({column}, 1, 26) || printf('%06d', {copy})"
# Tables of a run's own rows, the column of its id, and other columns that must differ from run to run.
TABLES = {
    "runs": ("run_uuid", {}),
    "tags": ("run_uuid", {"value": "iif(key = 'podium.run_key', value || '-{copy}', value)"}),
    "params": ("run_uuid", {}),
    "metrics": ("run_uuid", {}),
    "latest_metrics": ("run_uuid", {}),
    "inputs": ("destination_id", {"input_uuid": UUID.format(column="input_uuid", copy="{copy}")}),
}


@pytest.mark.timeout(1800)
def test_a_store_of_ten_thousand_runs(tmp_path: Path, note: Note) -> None:
    runs = tmp_path / "runs"
    for seed in range(SENT):
        finished(runs / f"r{seed:05}", seed=seed, points=POINTS, groups=["a board", f"entry {seed // 5}"])
    finished(tmp_path / "first" / "r", seed=FIRST, groups=["a board"])
    seconds_to_send(tmp_path / "first")  # imports MLflow and makes a schema, which is not to be timed
    shutil.copy(tmp_path / "first" / "mlflow.db", runs / "mlflow.db")
    empty = seconds_to_send(runs)
    note(
        what=f"sending {SENT} finished runs of {METRICS} points and 4 files to SQLite",
        against="",
        measured=f"{SENT / empty:.1f} runs/s, {SENT * METRICS / empty:,.0f} points/s",
        must="",
        goal="",
        met=True,
    )
    fill(runs, runs / "mlflow.db")
    for seed in range(RUNS, RUNS + MORE):
        finished(runs / f"r{seed:05}", seed=seed, points=POINTS, groups=["a board", f"entry {seed // 5}"])
    ratio = seconds_to_send(runs) / MORE / (empty / SENT)
    note(
        what=f"a run sent to a store of {RUNS:,} runs, with the look at those that are there",
        against="to an empty one",
        measured=f"{ratio:.2f}x",
        must=f"{SLOWER:g}x",
        goal="1x",
        met=ratio <= SLOWER,
    )
    nothing = statistics.median(sync_seconds(runs) for _ in range(3))
    note(
        what=f"`podium sync` of {RUNS:,} runs that MLflow has, with the start of Python",
        against="",
        measured=f"{nothing:.1f} s",
        must=f"{SYNC_S:g} s",
        goal="",
        met=nothing <= SYNC_S,
    )
    first, last, by_metric = page_seconds(runs / "mlflow.db")
    note(
        what=f"MLflow's page of {PAGE} runs of {RUNS:,}: first, last, ordered by a metric",
        against="",
        measured=f"{first:.2f} s, {last:.2f} s, {by_metric:.2f} s",
        must=f"{PAGE_S:g} s",
        goal="",
        met=max(first, last, by_metric) <= PAGE_S,
    )


def seconds_to_send(runs: Path) -> float:
    """Until all that is new below a folder is in its store."""
    began = time.perf_counter()
    pusher = Pusher(uri=None)
    report = pusher.push(sorted(path for path in runs.iterdir() if (path / RECORD_FILE).is_file()))
    pusher.close_groups(report)
    assert report.sent
    assert not report.problems
    assert not report.away
    return time.perf_counter() - began


def fill(runs: Path, database: Path) -> None:
    """Copy every run that was sent, in the store and as a folder, until there are so many."""
    templates = sorted(path for path in runs.iterdir() if (path / MARKER_FILE).is_file())
    with sqlite3.connect(database) as store:
        store.execute(f"CREATE TEMP TABLE sent AS SELECT run_uuid FROM tags WHERE {OURS}")
        for copy in range(1, RUNS // SENT):
            for table, (owner, changed) in TABLES.items():
                store.execute(copying(store, table, owner, changed, copy))
            for template in templates:
                copy_folder(template, runs / f"r{copy * SENT + int(template.name[1:]):05}", copy)
        (count,) = store.execute(f"SELECT count(*) FROM tags WHERE {OURS}").fetchone()
    assert count == RUNS
    note_sizes(database)  # as each sync does on the way there


def copying(store: sqlite3.Connection, table: str, owner: str, changed: dict[str, str], copy: int) -> str:
    """The statement that copies a table's rows of the sent runs."""
    columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
    new = {owner: UUID.format(column=owner, copy=copy)}
    new |= {column: text.replace("{copy}", str(copy)) for column, text in changed.items()}
    chosen = ", ".join(new.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table} WHERE {owner} IN (SELECT run_uuid FROM sent)"


def copy_folder(template: Path, folder: Path, copy: int) -> None:
    """The folder of a copied run, with the mark that it was sent."""
    shutil.copytree(template, folder)
    record = json.loads((folder / RECORD_FILE).read_text())
    old = record["run_key"]
    for name in (RECORD_FILE, "events.jsonl"):
        text = (folder / name).read_text().replace(f'"{old}"', f'"{old}-{copy}"')
        (folder / name).write_text(text)
    marks = json.loads((folder / MARKER_FILE).read_text())
    digest = hashlib.sha256((folder / RECORD_FILE).read_bytes()).hexdigest()
    changed = {key: {**mark, "record": digest} for key, mark in marks.items()}
    (folder / MARKER_FILE).write_text(json.dumps(changed))


def sync_seconds(runs: Path) -> float:
    """Of the command, which must find everything there."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "podium", "sync", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{RUNS + MORE} runs: 0 sent" in done.stdout, done.stdout
    return time.perf_counter() - began


def page_seconds(database: Path) -> tuple[float, float, float]:
    """The first page of runs, the last one, and the first ordered by a metric; medians of five."""
    client = MlflowClient(tracking_uri=f"sqlite:///{database}")
    found = client.get_experiment_by_name("podium")
    assert found is not None
    experiment = found.experiment_id

    def seconds(order: list[str], token: str | None) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            found = client.search_runs([experiment], order_by=order, max_results=PAGE, page_token=token)
            times.append(time.perf_counter() - began)
            assert found
        return statistics.median(times)

    *_, token = tokens(client, experiment)
    return seconds([], None), seconds([], token), seconds(["metrics.`train/loss` ASC"], None)


def tokens(client: MlflowClient, experiment: str) -> Iterator[str | None]:
    """Of every page, in pages of a thousand."""
    token = None
    while True:
        yield token
        token = client.search_runs([experiment], max_results=1000, page_token=token).token
        if token is None:
            return
