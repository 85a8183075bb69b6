"""How fast runs reach MLflow, and what it costs to look through many runs: where a large sweep would wait.

Finished runs are made by hand and pushed by one process, as the follower of a sweep pushes them: into SQLite and into
`podium server`. Short and long runs give two straight lines, one through runs and one through points. Then a pass over
runs that are all sent, which the follower makes every two seconds, and the search for one run among many folders,
which a trial makes `LOOKUPS` times. docs/scaling.md is told these figures.
"""

import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from podium.records.pusher import Pusher, find_runs
from podium.records.record import Status
from podium.run.assemble import compose
from podium.run.folders import find_folders
from podium.sweep.command import check_configurations, publish
from podium.sweep.plan import make_plan
from podium.sweep.tools import real_tools
from podium.sweep.trial import Outcome, Replicate
from records.folders import config, finished
from records.postgres import free_port

Note = Callable[..., None]
RUNS, SHORT, LONG = 5, 5, 1000  # points of two metrics each
ROUNDS = 3
LOOKUPS, MANY = 4, 5000
TRIALS = 500
BROUGHT = "runs, and points of metrics, that one process brings to MLflow"
WAIT_S = 120


def make_runs(folder: Path, runs: int, *, points: int) -> list[Path]:
    """Runs of one sweep, each a trial of its own, as they lie after training."""
    for k in range(runs):
        groups = ["sweep:many", f"configuration:{folder.name}-{k}"]
        finished(folder / f"run{k}", seed=k, points=points, groups=groups, run_key=f"{folder.name}-{k}")
    return find_runs(folder)


def seconds_to_push(folders: list[Path], uri: str) -> tuple[float, int]:
    """How long one process takes for a run, groups and closing included, and the points of one."""
    pusher, began = Pusher(uri=uri), time.perf_counter()
    report = pusher.push(folders)
    pusher.close_groups(report)
    assert (report.sent, report.problems, report.away) == (len(folders), [], {})
    return (time.perf_counter() - began) / len(folders), report.points // len(folders)


def rates(folder: Path, uri: str) -> tuple[float, float]:
    """Seconds for a run without points, and for a point; medians of some rounds, after one that does not count."""
    short: list[float] = []
    long: list[float] = []
    for turn in range(ROUNDS + 1):
        short_s, few = seconds_to_push(make_runs(folder / f"short{turn}", RUNS, points=SHORT), uri)
        long_s, many = seconds_to_push(make_runs(folder / f"long{turn}", RUNS, points=LONG), uri)
        short, long = [*short, short_s], [*long, long_s]
    run_s = statistics.median(short[1:])
    point_s = (statistics.median(long[1:]) - run_s) / (many - few)
    return run_s - few * point_s, point_s


@contextmanager
def team_server(folder: Path) -> Iterator[str]:
    """`podium server` on this machine with its own SQLite, and the login of whoever trains."""
    port = free_port()
    uri, log = f"http://127.0.0.1:{port}", folder / "server.log"
    command = [
        sys.executable,
        "-m",
        "podium",
        "server",
        "--folder",
        str(folder / "server"),
        "--port",
        str(port),
    ]
    with log.open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        until = time.monotonic() + WAIT_S
        while not _answers(uri):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield uri
    finally:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()


def _answers(uri: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=1):
        return True
    return False


def shown(run_s: float, point_s: float) -> str:
    """Both rates for people."""
    return f"{1 / run_s:.1f} runs/s ({1000 * run_s:.0f} ms each), {1 / point_s:,.0f} points/s"


@pytest.mark.timeout(900)
def test_runs_reach_mlflow(tmp_path: Path, note: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    run_s, point_s = rates(tmp_path / "sqlite", f"sqlite:///{tmp_path}/mlflow.db")
    note(
        what=BROUGHT,
        against="SQLite",
        measured=shown(run_s, point_s),
        must="",
        goal="",
        met=True,
    )
    with team_server(tmp_path) as uri:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "podium")
        secret = (tmp_path / "server" / "podium-password").read_text()
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
        run_s, point_s = rates(tmp_path / "served", uri)
    note(
        what=BROUGHT,
        against="`podium server` on SQLite",
        measured=shown(run_s, point_s),
        must="",
        goal="",
        met=True,
    )


@pytest.mark.timeout(900)
def test_what_looking_through_many_runs_costs(tmp_path: Path, note: Note) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    folders, pusher = make_runs(tmp_path / "runs", 4 * RUNS, points=1), Pusher(uri=uri)
    pusher.close_groups(pusher.push(folders))
    began = time.perf_counter()
    again = pusher.push(find_runs(tmp_path / "runs"))
    pass_s = (time.perf_counter() - began) / len(folders)
    assert again.there == len(folders)
    many = tmp_path / "many"
    for k in range(MANY):
        (many / f"dense32-dropout-{k:08x}-s0").mkdir(parents=True)
    sought = {**config(), "paths": {"runs": str(many)}}
    began = time.perf_counter()
    for _ in range(LOOKUPS):
        assert find_folders(sought) == []
    search_s = (time.perf_counter() - began) / LOOKUPS / MANY
    note(
        what="looking through runs: a pass of the process that feeds MLflow, the search for one",
        against="for each run that is there",
        measured=f"{1e6 * pass_s:.0f} µs, {1e6 * search_s:.1f} µs",
        must="",
        goal="",
        met=True,
    )


@pytest.mark.timeout(900)
def test_what_a_driver_does_for_each_trial_before_and_after(
    tmp_path: Path, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "search=random",
        f"search.trials={TRIALS}",
        "optimizer.lr=tag(log,interval(1e-4,1e-1))",
        "name=many",
    ]
    plan = make_plan(["network=linear", "data=digits", *words, "seeds=1"], compose)
    compose(plan.run_overrides(plan.points()[0], 0))
    began = time.perf_counter()
    check_configurations(plan, real_tools())
    check_s = (time.perf_counter() - began) / TRIALS
    plan.claim()
    for place, point in enumerate(plan.points()):
        replicate = Replicate(0, Status.FINISHED, 0.1 + place / TRIALS, f"key{place}", None, 15)
        line, started = plan.line(point), f"2026-01-01T00:00:00.{place:06d}"
        Outcome(
            list(point), line, Status.FINISHED, None, replicate.value, "a" * 64, None, [replicate], started
        ).save(plan.folder)
    publish(plan)  # with the imports of its pictures
    began = time.perf_counter()
    publish(plan)
    end_s = (time.perf_counter() - began) / TRIALS
    size = (plan.folder / "index.html").stat().st_size / TRIALS
    note(
        what="what the driver of a sweep does for a trial before the first begins and after the last ended",
        against=f"of {TRIALS:,} trials, each",
        measured=f"{1000 * check_s:.1f} ms, {1000 * end_s:.1f} ms ({size / 1024:.2f} KiB of the page)",
        must="",
        goal="",
        met=True,
    )
