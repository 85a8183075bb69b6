"""A real MLflow server that is down from the start, lost and back, or lost for good."""

import subprocess
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest

from podium.records import sync

from .folders import Server, config, finish, finished, start, take

pytestmark = pytest.mark.slow


def follower(root: Path, wait_s: float = 60.0) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "podium.records.sync", str(root), "--wait-s", str(wait_s)]
    with (root / "sync.log").open("ab") as words:
        return subprocess.Popen(command, stdout=words, stderr=words)


def test_down_from_the_start_then_there(tmp_path: Path, server: Server, look) -> None:
    root = tmp_path / "runs"
    finished(root / "a", seed=1, points=300, config=config(1, uri=server.uri, artifacts=None))
    began = time.monotonic()
    report = sync.sync(root)
    assert time.monotonic() - began < 25
    assert (report.sent, report.waiting) == (0, 1)
    assert list(report.away) == [server.uri]
    server.start()
    assert sync.sync(root).sent == 1
    assert sync.sync(root).there == 1
    seen = look(server.uri)
    run = seen.runs()["key1"]
    assert seen.steps(run) == Counter(range(300))
    names = {file.path for file in seen.client.list_artifacts(run.info.run_id)}
    assert {"record.json", "network.safetensors"} <= names


def test_lost_and_back_while_a_run_trains(tmp_path: Path, server: Server, look) -> None:
    server.start()
    root = tmp_path / "runs"
    journal, made = start(root / "a", seed=1, config=config(1, uri=server.uri, artifacts=None))
    process = follower(root)
    for begin in range(3, 15):
        time.sleep(0.5)
        take(journal, begin, begin + 1)
    server.stop()
    for begin in range(15, 30):
        time.sleep(0.5)
        take(journal, begin, begin + 1)
    assert process.poll() is None
    server.start()
    journal.resume(20)
    take(journal, 21, 40)
    finish(root / "a", journal, made)
    assert process.wait(timeout=120) == 0
    seen = look(server.uri)
    run = seen.runs()["key1"]
    assert seen.steps(run) == Counter(range(40))
    assert run.info.status == "FINISHED"


def test_lost_for_good_then_synced(tmp_path: Path, server: Server, look) -> None:
    server.start()
    root = tmp_path / "runs"
    journal, made = start(root / "a", seed=1, points=30, config=config(1, uri=server.uri, artifacts=None))
    process = follower(root, wait_s=5.0)
    until = time.monotonic() + 60
    while "key1" not in look(server.uri).runs():
        assert time.monotonic() < until
        time.sleep(0.2)
    server.stop()
    take(journal, 30, 60)
    finish(root / "a", journal, made)
    assert process.wait(timeout=90) == 1
    assert "cannot be reached" in (root / "sync.log").read_text()
    server.start()
    assert sync.sync(root).away == {}
    seen = look(server.uri)
    assert seen.steps(seen.runs()["key1"]) == Counter(range(60))


def test_a_training_process_neither_waits_for_a_dead_server_nor_fails(tmp_path: Path, server: Server) -> None:
    code = f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from records.folders import config, start, take, finish
        from podium.records.sync import spawn_follower, wait_for_sync
        folder = Path({str(tmp_path / "runs" / "a")!r})
        configuration = config(1, uri={server.uri!r}, artifacts=None, wait_s=1.0)
        journal, made = start(folder, seed=1, config=configuration)
        began = time.perf_counter()
        spawn_follower(folder, configuration["tracking"])
        take(journal, 3, 500)
        finish(folder, journal, made)
        print(time.perf_counter() - began < 2)
        print(wait_for_sync(folder, configuration["tracking"]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    assert first == "True"
    assert f"`podium sync {tmp_path}/runs` brings the rest" in second
