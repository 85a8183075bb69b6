"""A run that begins from the checkpoint of another: the same bits as one that was trained from the start."""

from pathlib import Path

import pytest
import torch

from podium.records.journal import history, read
from podium.records.record import BEGUN_EPOCHS, BEGUN_FROM, Status
from podium.run.errors import ConfigError
from podium.run.folders import find_record, run_folder
from podium.run.prefix import begin_from
from podium.run.train import train

ON = "trainer.changes={2:{optimizer.lr:0.004,tricks.dropout.p:0.2}}"
BASE = ("network=dense_200_100_100", "tricks=[dropout,ema]", "trainer.max_epochs=3", "optimizer.lr=0.002")


@pytest.fixture(scope="module")
def shared(settings_in, tmp_path_factory):
    """A run that was paused after two epochs, and what a run with changes from there on gives when trained whole."""
    folder = tmp_path_factory.mktemp("shared")
    source = settings_in(folder / "shares", *BASE, "runtime.stop_epoch=2")
    assert train(source).status is Status.PAUSED
    whole = train(settings_in(folder / "whole", *BASE, ON))
    return folder, source, whole


@pytest.fixture
def pair(shared, settings_in, tmp_path):
    """The paused run, copied for this test, and the configuration of one that would go on from it otherwise."""
    import shutil

    folder, _, whole = shared
    shutil.copytree(folder / "shares", tmp_path, dirs_exist_ok=True)
    return settings_in(tmp_path, *BASE, "runtime.stop_epoch=2"), settings_in(tmp_path, *BASE, ON), whole


def same_bits(record, whole):
    return (record.metrics, record.history, [record.files[name] for name in ("network.safetensors", "predictions.npz")]) == (
        whole.metrics, whole.history, [whole.files[name] for name in ("network.safetensors", "predictions.npz")]
    )  # fmt: skip


def test_it_ends_with_the_bits_of_one_that_was_trained_whole_and_says_where_it_began(pair):
    source, config, whole = pair
    assert begin_from(config, source, epochs=2)
    begun = find_record(config)
    assert (begun.status, begun.epochs_copied) == (Status.PAUSED, 2)
    assert begun.history == find_record(source).history
    record = train(config)
    assert same_bits(record, whole)
    assert record.history == history(read(run_folder(config) / "events.jsonl"))
    assert record.tags[BEGUN_FROM] == run_folder(source).name
    assert record.tags[BEGUN_EPOCHS] == "2"
    assert record.run_key != find_record(source).run_key
    times = {e["time"] for e in read(run_folder(source) / "events.jsonl") if e["kind"] == "point"}
    assert times <= {e["time"] for e in read(run_folder(config) / "events.jsonl") if e["kind"] == "point"}


def test_the_other_goes_on_from_its_own_checkpoint_and_neither_writes_into_the_shared_one(pair):
    source, config, whole = pair
    begin_from(config, source, epochs=2)
    at_two = torch.load(run_folder(config) / "last.ckpt", weights_only=True)["global_step"]
    train({**source, "runtime": {**source["runtime"], "stop_epoch": None}})
    assert torch.load(run_folder(config) / "last.ckpt", weights_only=True)["global_step"] == at_two
    assert same_bits(train(config), whole)


@pytest.mark.parametrize("gone", ["checkpoint", "run", "further", "damaged"])
def test_without_that_checkpoint_it_is_trained_from_the_start_to_the_same_bits(pair, gone):
    import shutil

    source, config, whole = pair
    match gone:
        case "checkpoint":
            (run_folder(source) / "last.ckpt").unlink()
        case "run":
            shutil.rmtree(run_folder(source))
        case "further":
            train({**source, "runtime": {**source["runtime"], "stop_epoch": None}})
        case _:
            Path(run_folder(source) / "last.ckpt").write_bytes(b"half")
    assert not begin_from(config, source, epochs=2)
    assert find_record(config) is None
    record = train(config)
    assert same_bits(record, whole)
    assert record.epochs_copied == 0


def test_ended_before_its_record_is_written_it_is_begun_again_or_trained_from_the_start(pair, monkeypatch):
    source, config, whole = pair

    def killed(**fields):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("podium.run.prefix.RunRecord", killed)
        with pytest.raises(KeyboardInterrupt):
            begin_from(config, source, epochs=2)
    assert find_record(config) is None
    assert begin_from(config, source, epochs=2)
    assert not begin_from(config, source, epochs=2)
    assert same_bits(train(config), whole)


def test_runs_that_differ_before_that_epoch_share_nothing(pair, settings_in, tmp_path):
    source, _, _ = pair
    for other in ("optimizer.lr=0.003", "seed=1", "trainer.changes={1:{optimizer.lr:0.004}}"):
        with pytest.raises(ConfigError, match="must be the same for 2 epochs"):
            begin_from(settings_in(tmp_path, *BASE, other), source, epochs=2)
