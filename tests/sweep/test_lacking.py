"""Boards train what is faster alone beside their packs, without Ray; what failed there is over."""

import os
import signal

import pytest

from podium.pack.choice import Choice
from podium.pack.form import Form
from podium.run.assemble import compose
from podium.run.folders import find_record, is_final
from podium.run.train import train
from podium.sweep import lacking, packs
from podium.sweep.packs import pack_runs

SLOWER = "one after the other they train faster: one program is 0.50 times as fast"
WORDS = (
    "network=dense32",
    "network.widths=[8]",
    "data=digits",
    "data.view.fraction=0.1",
    "trainer.max_epochs=1",
    "tracking=none",
    "runtime.accelerator=cpu",
    "runtime.progress=false",
)


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """Six runs of two shapes, of which the one with wider layers is faster alone; nothing is drawn."""

    def choice(lanes, *_):
        wide = lanes[0].config["network"]["widths"] == [16]
        return Choice(len(lanes), Form.GROUPED, 0.5 if wide else 9.0)

    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    monkeypatch.setattr("podium.run.train.INFERENCE_TIMED_S", 0.0)
    monkeypatch.setattr("podium.pack.train.choose", choice)
    return [
        compose([*WORDS, *wide, f"seed={seed}", f"paths.runs={tmp_path / 'runs'}"])
        for wide in ((), ("network.widths=[16]",))
        for seed in range(4 if wide else 2)
    ]


@pytest.fixture
def asked_of_ray(monkeypatch):
    """The seeds that are left to Ray."""
    seeds = []
    monkeypatch.setattr(
        "podium.sweep.board.train_missing",
        lambda configs, concurrency: seeds.append(
            [config["seed"] for config in configs if find_record(config) is None]
        ),
    )
    return seeds


def test_what_is_faster_alone_is_trained_beside_the_packs(configs, capsys, asked_of_ray):
    lacking.train_lacking("some", configs, concurrency=2, pack="auto")
    assert f"packed: 2 runs in 1 programs; alone: 4 ({SLOWER})\n" in capsys.readouterr().out
    assert asked_of_ray == [[]]
    records = [find_record(config) for config in configs]
    assert [record.status for record in records] == ["finished"] * 6
    assert ["packed" in record.tags for record in records] == [True] * 2 + [False] * 4
    assert [("train_s" in record.costs, "packed_s" in record.costs) for record in records] == [
        (False, True)
    ] * 2 + [(True, False)] * 4


def test_in_one_process_they_are_left_to_ray(configs, capsys, asked_of_ray):
    lacking.train_lacking("some", configs, concurrency=1, pack="auto")
    assert f"packed: 2 runs in 1 programs; alone: 4 ({SLOWER})\n" in capsys.readouterr().out
    assert asked_of_ray == [[0, 1, 2, 3]]


def fails_once(config, **how):
    if config["seed"] == 1:
        raise RuntimeError("the network\nexploded")
    return train(config, **how)


def test_a_run_that_fails_there_is_failed_and_left_to_the_next_command(configs, monkeypatch):
    given = []

    def left(configs, concurrency):
        given.append([config["seed"] for config in configs if not is_final(find_record(config))])

    monkeypatch.setattr("podium.sweep.board.train_missing", left)
    monkeypatch.setattr(packs, "train", fails_once)
    lacking.train_lacking("some", configs, concurrency=2, pack="auto")
    records = [find_record(config) for config in configs[2:]]
    assert [record.status for record in records] == ["finished", "failed", "finished", "finished"]
    assert records[1].error == "RuntimeError: the network exploded"
    lacking.train_lacking("some", configs, concurrency=2, pack="off")
    assert given == [[], [1]]


def test_without_its_note_ray_would_train_it_again_at_once(configs, monkeypatch):
    noted, given = [], []

    def forgets(*args, **how):
        packed = pack_runs(*args, **how)
        noted.extend(packed.failed)
        packed.failed.clear()
        return packed

    monkeypatch.setattr(packs, "train", fails_once)
    monkeypatch.setattr(lacking, "pack_runs", forgets)
    monkeypatch.setattr(
        "podium.sweep.board.train_missing", lambda configs, concurrency: given.extend(configs)
    )
    lacking.train_lacking("some", configs, concurrency=2, pack="auto")
    assert [seed for _, seed in noted] == [1]
    assert configs[3] in given


def test_the_runs_of_a_process_that_is_lost_are_left_to_ray(configs, monkeypatch, capsys, asked_of_ray):
    def dies(config, **how):
        if config["seed"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return train(config, **how)

    monkeypatch.setattr(packs, "train", dies)
    lacking.train_lacking("some", configs, concurrency=2, pack="auto")
    assert f"packed: 2 runs in 1 programs; alone: 4 ({SLOWER})\n" in capsys.readouterr().out
    assert asked_of_ray == [[3]]
