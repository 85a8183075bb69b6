"""Runs of shares that are faster alone: trained so by processes beside the packs, as `podium train` would train them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.pack.shares import Share, Tried, train_shares
from podium.records.record import RunRecord
from podium.run.folders import find_folders, find_record
from podium.run.train import train

from .sides import MLP, configs_of, moved, weights

SEEDS = ("seed=0", "seed=1", "seed=2", "seed=3")
SLOWER = "one after the other they train faster: one program is 0.50 times as fast"
CHECKPOINT = "last.ckpt"
TRAIN = """
import json, sys
from podium.pack import shares, train
from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.run.train import train as alone
train.choose = lambda lanes, *_: Choice(len(lanes), Form.GROUPED, 0.5)
configs = json.load(open(sys.argv[1]))
halves = [shares.Share(configs[k::2], 1.0) for k in range(2)]
shares.train_shares(halves, 2, lambda *told: None, train=lambda config, pictures: alone(config, pictures=pictures))
"""


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Four runs of one shape, which are found slower in a program."""
    monkeypatch.setattr("podium.run.train.INFERENCE_TIMED_S", 0.0)
    monkeypatch.setattr("podium.pack.train.choose", lambda lanes, *_: Choice(len(lanes), Form.GROUPED, 0.5))
    return configs_of((*MLP, "tricks=[dropout]", "trainer.max_epochs=2"), SEEDS, tmp_path / "shares")


def halves(configs: list[Any]) -> list[Share]:
    return [Share(configs[:2], 1.0, pictures=[0]), Share(configs[2:], 1.0)]


def alone(config: Any, pictures: bool) -> RunRecord:
    return train(config, pictures=pictures)


def test_they_are_the_runs_of_podium_train_to_the_bit_with_its_costs(
    configs: list[Any], tmp_path: Path
) -> None:
    told: list[tuple[int, int, RunRecord]] = []
    tried = train_shares(halves(configs), 2, lambda *word: told.append(word), train=alone)
    assert tried == [Tried(0, SLOWER, [0, 1])] * 2
    assert sorted((share, place, record.seed) for share, place, record in told) == [
        (0, 0, 0),
        (0, 1, 1),
        (1, 0, 2),
        (1, 1, 3),
    ]
    for seed, config in enumerate(configs):
        theirs = train(moved(config, tmp_path / "train"), pictures=seed == 0)
        ours = find_record(config)
        assert ours is not None
        assert (ours.status, ours.entry_hash, ours.tags) == (
            "finished",
            theirs.entry_hash,
            theirs.tags,
        )
        assert (ours.metrics, ours.history) == (theirs.metrics, theirs.history)
        assert ours.environment == theirs.environment
        assert ours.costs.keys() == theirs.costs.keys()
        assert "train_s" in ours.costs
        assert ours.files is not None
        assert theirs.files is not None
        assert ours.files.keys() == theirs.files.keys()
        assert ("learning_curves.png" in ours.files) is (seed == 0)
        ours_, theirs_ = (weights(config, tmp_path / side) for side in ("shares", "train"))
        assert all(torch.equal(ours_[name], theirs_[name]) for name in ours_)


def test_they_are_left_in_one_process_and_where_nobody_trains_them(configs: list[Any]) -> None:
    for processes, told in ((2, {}), (1, {"train": alone})):
        tried = train_shares(halves(configs), processes, lambda *word: None, **told)
        assert tried == [Tried(0, SLOWER, [0, 1])] * 2
    assert [find_record(config) for config in configs] == [None] * 4


def test_runs_that_cannot_be_a_program_are_left(configs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("podium.pack.train.check_same", refuses)
    tried = train_shares(halves(configs), 2, lambda *word: None, train=alone)
    assert tried == [Tried(0, "RuntimeError: no")] * 2
    assert [find_record(config) for config in configs] == [None] * 4


def test_packs_go_on_meanwhile_and_a_run_whose_process_is_lost_is_left(
    configs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)

    def choice(lanes: Any, *_: Any) -> Choice:
        return Choice(len(lanes), Form.GROUPED, 9.0 if lanes[0].config["seed"] > 1 else 0.5)

    def dies(config: Any, pictures: bool) -> RunRecord:
        if config["seed"] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return alone(config, pictures)

    monkeypatch.setattr("podium.pack.train.choose", choice)
    told: list[tuple[int, int, bool]] = []
    tried = train_shares(
        halves(configs),
        2,
        lambda share, place, record: told.append((share, place, "packed" in record.tags)),
        train=dies,
    )
    assert tried == [Tried(0, SLOWER, [0, 1]), Tried(1)]
    assert sorted(told) == [(0, 1, False), (1, 0, True), (1, 1, True)]
    assert [(find_record(config) or None) is None for config in configs] == [True, False, False, False]


def begin(tmp_path: Path, configs: list[Any]) -> "subprocess.Popen[bytes]":
    """A process that trains shares, of which two runs are under way, each alone."""
    asked = tmp_path / "configs.json"
    asked.write_text(json.dumps(configs))
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(asked)], cwd=tmp_path, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 120
    while len([p for p in tmp_path.glob("runs/*/events.jsonl") if b"validation" in p.read_bytes()]) < 2:
        assert process.poll() is None, "it ended before it could be asked"
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_end_that_is_asked_for_saves_them_and_they_go_on_to_the_same_bits(
    tmp_path: Path, signum: signal.Signals
) -> None:
    configs = configs_of((*MLP, "trainer.max_epochs=150"), SEEDS, tmp_path / "runs")
    process = begin(tmp_path, configs)
    process.send_signal(signum)
    _, words = process.communicate(timeout=60)
    assert process.returncode != 0
    assert f"Interrupted: stopped by {signum.name}".encode() in words
    begun = [config for config in configs if find_record(config) is not None]
    assert len(begun) == 2  # the others of their shares were not begun any more
    for config in begun:
        record = find_record(config)
        assert record is not None
        assert record.status == "interrupted"
        assert (find_folders(config)[0] / CHECKPOINT).is_file()
    tried = train_shares(halves(configs), 2, lambda *word: None, train=alone)
    assert "one of them goes on from a checkpoint" in {one.reason for one in tried}
    config = begun[0]
    record = find_record(config)
    assert record is not None
    assert (record.status, record.resumes) == ("finished", 1)
    whole = moved(config, tmp_path / "whole")
    train(whole, pictures=False)
    ours, theirs = weights(config, tmp_path / "runs"), weights(config, tmp_path / "whole")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
