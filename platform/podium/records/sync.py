"""`podium sync`, and the process that keeps MLflow up to date while runs train."""

import argparse
import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from podium.records.alive import process_lives
from podium.records.files import write_atomically
from podium.records.pusher import Pusher, Report, find_runs, is_sent, state_folder
from podium.records.record import RECORD_FILE, RunRecord, Status
from podium.records.target import target_of

PULSE_S = 2.0
SLOWEST_S = 60.0  # between tries when a store is away
BAR_FROM = 20  # runs
LOG_FILE = "sync.log"
WAIT_S = 600.0
STAY_S = 20.0  # that a command waits at its end for its runs to be sent
_followers: list["subprocess.Popen[bytes]"] = []  # kept, or Python warns that a child was forgotten


def run_sync(runs: Path, *, uri: str | None, follow: bool) -> int:
    """The command `podium sync`: 0 when MLflow has all, 1 when something lacks, 2 for a wrong request."""
    if not runs.is_dir():
        print(f"podium: runs must be a folder, got {runs}; name the folder of your runs", file=sys.stderr)
        return 2
    if follow:
        return follow_runs(runs, uri=uri, wait_s=WAIT_S)
    report = sync(runs, uri=uri)
    for line in _lines(report, runs):
        print(line)
    return 1 if report.problems or report.away else 0


def sync(root: Path, *, uri: str | None = None) -> Report:
    """Send what MLflow lacks of all runs at or below a folder, once; close those that died."""
    folders = find_runs(root.resolve())
    pusher = Pusher(uri=uri)
    report = pusher.push(_with_bar(folders))
    pusher.close_groups(report)
    return report


def follow_runs(root: Path, *, uri: str | None, wait_s: float, pulse_s: float = PULSE_S) -> int:
    """Send until no run at or below ``root`` lives, nobody asks for more and all is sent.

    A store that is away is tried again, ever more slowly, and given up ``wait_s`` after the last run ended:
    what is missing then waits for `podium sync`. Only one process follows a folder; another ends at once.
    """
    root = root.resolve()
    while True:
        with _only_follower(root) as mine:
            if not mine:
                return 0
            done = _follow(root, uri=uri, wait_s=wait_s, pulse_s=pulse_s)
        if not _wanted(root):  # asked again between the last look and giving up the lock?
            return done


def spawn_follower(folder: Path, tracking: Mapping[str, Any]) -> None:
    """Start a process that follows the runs beside ``folder``, a run, or below it, while this process lives.

    Costs some milliseconds and never raises OSError; its words are in sync.log.
    """
    if not tracking["follow"] or tracking["uri"] is None:
        return
    root = _runs_of(folder)
    command = [sys.executable, "-m", "podium.records.sync", str(root), "--wait-s", str(tracking["wait_s"])]
    try:
        me = psutil.Process()
        write_atomically(state_folder(root) / f"wanted-{me.pid}", json.dumps(me.create_time()).encode())
        with (root / LOG_FILE).open("ab") as words:
            quiet = subprocess.DEVNULL
            follower = subprocess.Popen(
                command, stdin=quiet, stdout=words, stderr=words, cwd=root, start_new_session=True
            )
    except OSError as error:
        print(f"podium: MLflow is not fed ({error}); `podium sync {root}` does it later", file=sys.stderr)
        return
    _followers.append(follower)


def wait_for_sync(folder: Path, tracking: Mapping[str, Any], *, stay_s: float = STAY_S) -> str:
    """Wait a little until the runs at or below ``folder`` are sent; one line that says where they are."""
    root = _runs_of(folder)
    target = target_of(tracking, root)
    if target is None:
        return "MLflow: none (tracking=none)"
    until = time.monotonic() + stay_s
    while any(_is_due(run) for run in find_runs(folder)):
        away = _told(root).get(target.shown)
        if away or time.monotonic() > until:
            reason = away or "does not have all yet"
            return f"MLflow: {target.shown} {reason}; `podium sync {root}` brings the rest"
        time.sleep(0.1)
    return f"MLflow: {target.shown} has it; `podium ui` shows it"


def _is_due(folder: Path) -> bool:
    """Whether an ended run with a store of its own was not sent yet."""
    if is_sent(folder):
        return False
    try:
        record = RunRecord.load(folder)
    except ValueError:
        return False
    return record.status is not Status.RUNNING and bool((record.config.get("tracking") or {}).get("uri"))


def _follow(root: Path, *, uri: str | None, wait_s: float, pulse_s: float) -> int:
    """Pass after pass until all is over; 1 when something could not be sent."""
    pusher = Pusher(uri=uri)
    told: Report | None = None
    pause, idle_since = pulse_s, time.monotonic()
    while True:
        wanted = _wanted(root)
        report = pusher.push(find_runs(root))
        _tell(root, report, told)
        told = report
        if report.alive or wanted:
            idle_since = time.monotonic()
        elif not report.away or time.monotonic() - idle_since > wait_s:
            pusher.close_groups(report)
            _say(_lines(report, root))
            return 1 if report.away or report.problems else 0
        pause = min(2 * pause, SLOWEST_S) if report.away else pulse_s
        time.sleep(min(pause, max(wait_s - (time.monotonic() - idle_since), pulse_s)))


def _wanted(root: Path) -> bool:
    """Whether a process that asked for a follower still lives."""
    living = False
    for path in state_folder(root).glob("wanted-*"):
        try:
            started = float(json.loads(path.read_bytes()))
            lives = process_lives(int(path.name.partition("-")[2]), started)
        except (OSError, ValueError):
            lives = False
        living |= lives
        if not lives:
            path.unlink(missing_ok=True)
    return living


@contextmanager
def _only_follower(root: Path) -> Iterator[bool]:
    with (state_folder(root) / "follower").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _tell(root: Path, report: Report, before: Report | None) -> None:
    """Leave word for waiting commands, and for people when something changed."""
    if before is None or report.away != before.away:
        with contextlib.suppress(OSError):
            write_atomically(state_folder(root) / "away.json", json.dumps(report.away).encode())
        _say(f"{store} {reason}; trying again" for store, reason in report.away.items())
    if before is not None and before.away and not report.away:
        _say(["reached again"])
    _say(f"{folder} died and is closed as failed" for folder in report.died)
    _say(problem for problem in report.problems if before is None or problem not in before.problems)


def _told(root: Path) -> dict[str, str]:
    try:
        told = json.loads((state_folder(root) / "away.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _say(lines: Any) -> None:
    for line in lines:
        print(f"{time.strftime('%F %T')} {line}", flush=True)


def _lines(report: Report, root: Path) -> list[str]:
    lines = [f"{folder} died and is closed as failed" for folder in report.died]
    lines += [f"podium: {problem}" for problem in report.problems]
    for store, reason in report.away.items():
        lines.append(f"podium: {store} {reason}; `podium sync {root}` tries again")
    total = report.sent + report.there + report.without_store + report.waiting + len(report.problems)
    line = f"{total} runs: {report.sent} sent with {report.points} points, {report.there} were there"
    if report.waiting:
        line += f", {report.waiting} wait"
    if report.without_store:
        line += f", {report.without_store} without a store (tracking=none; --uri names one)"
    return [*lines, line]


def _with_bar(folders: list[Path]) -> Iterator[Path]:
    if len(folders) <= BAR_FROM or not sys.stderr.isatty():
        return iter(folders)
    from tqdm import tqdm

    return iter(tqdm(folders, unit="run", desc="sync"))


def _runs_of(folder: Path) -> Path:
    folder = folder.resolve()
    return folder.parent if (folder / RECORD_FILE).is_file() else folder


def _main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="podium.records.sync")
    parser.add_argument("root", type=Path)
    parser.add_argument("--wait-s", type=float, required=True)
    args = parser.parse_args(words)
    os.nice(10)  # training comes first
    return follow_runs(args.root, uri=None, wait_s=args.wait_s)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
