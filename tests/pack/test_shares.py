"""Packs in processes of their own: the same records, an end that reaches all, and a process that is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.loop import Loop
from podium.pack.shares import Share, Tried, forks, train_shares
from podium.records.record import RunRecord
from podium.run.folders import find_folders, find_record

from .sides import MLP, assert_same_history, configs_of, moved, packed, weights

SEEDS = ("seed=0", "seed=1", "seed=2", "seed=3")
TRAIN = """
import json, sys
from podium.pack import shares, train
from podium.pack.choice import Choice
from podium.pack.form import Form
train.choose = lambda lanes, *_: Choice(len(lanes), Form.GROUPED, 9.0)
configs = json.load(open(sys.argv[1]))
print("begun", flush=True)
shares.train_shares([shares.Share(configs[k::2], 1.0) for k in range(2)], 2, lambda *told: None)
"""


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    monkeypatch.setattr("podium.pack.train.choose", lambda lanes, *_: Choice(len(lanes), Form.GROUPED, 9.0))
    return configs_of((*MLP, "tricks=[dropout]", "trainer.max_epochs=2"), SEEDS, tmp_path / "side by side")


def halves(configs: list[Any]) -> list[Share]:
    return [Share(configs[k::2], 1.0) for k in range(2)]


def test_two_processes_leave_what_one_would(configs: list[Any], tmp_path: Path) -> None:
    told: list[tuple[int, int, RunRecord]] = []
    assert train_shares(halves(configs), 2, lambda *word: told.append(word)) == [Tried(1), Tried(1)]
    assert sorted((share, place, record.seed) for share, place, record in told) == [
        (0, 0, 0),
        (0, 1, 2),
        (1, 0, 1),
        (1, 1, 3),
    ]
    in_one = packed([moved(config, tmp_path / "one") for config in configs])
    for config, theirs in zip(configs, in_one, strict=True):
        ours = find_record(config)
        assert ours is not None
        assert (ours.status, ours.entry_hash) == (theirs.status, theirs.entry_hash)
        assert ours.environment == theirs.environment
        assert_same_history(ours, theirs)
        ours_, theirs_ = (weights(config, tmp_path / side) for side in ("side by side", "one"))
        assert all((ours_[name] - theirs_[name]).abs().max() < 1e-5 for name in ours_)


def test_more_shares_than_processes_wait_for_their_turn_and_a_reason_is_told(configs: list[Any]) -> None:
    shares = [Share(configs[:2], 1.0), Share(configs[2:], 99.0), Share(configs[2:], 1.0)]
    first, second, third = train_shares(shares, 2, lambda *told: None)
    assert first == third == Tried(1)
    assert second == Tried(0, "99 at once they train faster: one program is 9.00 times as fast", [0, 1])


def test_the_runs_of_a_process_that_is_lost_are_left_and_the_others_are_trained(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = Loop._epoch

    def dies(self: Loop, number: int, asked: Any) -> None:
        if self.program.lanes[0].config["seed"] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        epoch(self, number, asked)

    monkeypatch.setattr(Loop, "_epoch", dies)
    tried = train_shares(halves(configs), 2, lambda *told: None)
    assert tried == [Tried(1), Tried(0, "their process ended with code -9")]
    found = [find_record(config) for config in configs]
    assert [record.status for record in found if record] == ["finished", "running", "finished", "running"]


def test_only_runs_of_one_thread_on_a_cpu_are_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = {"threads": 1, "accelerator": "cpu"}
    assert forks(cpu) is (sys.platform == "linux")
    assert not forks({**cpu, "threads": 2})
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert not forks({**cpu, "accelerator": "auto"})


def begin(tmp_path: Path) -> tuple["subprocess.Popen[bytes]", list[Any]]:
    """A process that trains two shares, both of which are under way."""
    configs = configs_of((*MLP, "trainer.max_epochs=100000"), SEEDS, tmp_path / "runs")
    asked = tmp_path / "configs.json"
    asked.write_text(json.dumps(configs))
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(asked)], cwd=tmp_path, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 120
    while len([p for p in tmp_path.glob("runs/*/events.jsonl") if b"validation" in p.read_bytes()]) < 4:
        assert process.poll() is None, "it ended before it could be asked"
        assert time.monotonic() < until
        time.sleep(0.05)
    return process, configs


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_end_that_is_asked_for_reaches_every_process(tmp_path: Path, signum: signal.Signals) -> None:
    process, configs = begin(tmp_path)
    process.send_signal(signum)
    _, words = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"Interrupted: stopped by {signum.name}".encode() in words
    found = [find_record(config) for config in configs]
    assert [record.status for record in found if record] == ["interrupted"] * 4


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    process, configs = begin(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(3.0)
    journals = [folder / "events.jsonl" for config in configs for folder in find_folders(config)]
    sizes = [path.stat().st_size for path in journals]
    time.sleep(1.0)
    assert len(sizes) == 4
    assert [path.stat().st_size for path in journals] == sizes
