"""Packs from configurations to records: what is left behind, what is refused, and what an interruption leaves."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from podium.contracts import Batch
from podium.leaderboard.verify import Published, check_identity, check_labels, check_metrics, check_status
from podium.pack import train as pack_train
from podium.pack.choice import CHOICES_FILE
from podium.pack.errors import Alone, Unpackable
from podium.pack.form import Form
from podium.pack.loop import Loop
from podium.pack.train import train_packed
from podium.records.files import sha256_of
from podium.records.record import RunRecord, Status
from podium.run.errors import ConfigError
from podium.run.evaluate import evaluate
from podium.run.folders import exclusive, find_folders, find_record, is_final, run_folder
from podium.run.interrupts import Interrupted
from podium.run.train import train

from .sides import MLP, configs_of, moved, packed

SHORT = (*MLP, "trainer.max_epochs=2", "tricks=[dropout]")


@pytest.fixture
def configs(tmp_path: Path) -> list[Any]:
    return configs_of(SHORT, ("seed=0", "seed=1 tricks.dropout.p=0.1"), tmp_path / "packed")


def test_a_packed_run_leaves_what_a_run_alone_leaves_but_for_checkpoint_and_training_time(
    configs: list[Any], tmp_path: Path
) -> None:
    ours = packed(configs)[0]
    theirs = train(moved(configs[0], tmp_path / "alone"))
    folders = [find_folders(moved(configs[0], tmp_path / side))[0] for side in ("packed", "alone")]
    names = [{path.name for path in folder.iterdir()} for folder in folders]
    assert names[0] == names[1] - {"last.ckpt"}
    assert folders[0].name == folders[1].name
    assert RunRecord.load(folders[0]) == ours
    assert (ours.tags or {}) == {**(theirs.tags or {}), "packed": "1 of 2, lane by lane"}
    assert (ours.files or {}).keys() == (theirs.files or {}).keys()
    assert all(sha256_of(folders[0] / name) == digest for name, digest in (ours.files or {}).items())
    spent = {"train_s", "train_images_per_s", "peak_memory_mib"}
    assert (ours.costs or {}).keys() == (theirs.costs or {}).keys() - spent | {
        "packed_s",
        "packed_images_per_s",
    }
    assert (ours.environment, ours.data, ours.groups) == (theirs.environment, theirs.data, theirs.groups)


@pytest.mark.usefixtures("no_pictures")
def test_a_packed_run_is_confirmed_by_verify_and_by_evaluate(configs: list[Any]) -> None:
    record = packed(configs)[0]
    (folder,) = find_folders(configs[0])
    confirmed = evaluate(folder)
    assert confirmed.measured == pytest.approx(confirmed.recorded)
    import numpy as np

    predictions = dict(np.load(folder / "predictions.npz"))
    run = Published(f"records/{record.entry_hash[:8]}", record, predictions, None)
    assert [*check_status(run), *check_labels(run), *check_metrics(run)] == []
    predictions["probability"] = predictions["probability"][:, ::-1].copy()
    assert [*check_metrics(run)] != []
    assert [*check_identity(run)] != []  # the folder's name above is not the record's


@pytest.mark.usefixtures("no_pictures")
def test_what_is_final_is_not_trained_again(configs: list[Any]) -> None:
    first = packed(configs)
    assert train_packed(configs) == (first, 0)


@pytest.mark.usefixtures("no_pictures")
def test_an_interrupted_pack_begins_again_without_what_was_over(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = pack_train._Pack.finished
    over: list[int] = []

    def ask_to_end(self: Any, lane: Any, state: Any) -> None:
        if over:
            os.kill(os.getpid(), signal.SIGTERM)
        finished(self, lane, state)
        over.append(lane.place)

    monkeypatch.setattr(pack_train._Pack, "finished", ask_to_end)
    with pytest.raises(Interrupted) as raised:
        packed(configs)
    assert raised.value.exit_code == 143
    records = [find_record(config) for config in configs]
    assert [record.status for record in records if record] == ["finished", "interrupted"]
    monkeypatch.undo()
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    again = train(configs[1])  # alone or packed: there is no checkpoint
    assert (again.status, again.resumes) == (Status.FINISHED, 1)
    assert again.run_key == records[1].run_key
    assert "packed" not in again.tags


def test_a_fault_leaves_no_record_running(configs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(self: Any, epoch: int, asked: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(Loop, "_epoch", fault)
    with pytest.raises(RuntimeError, match="no memory"):
        packed(configs)
    records = [find_record(config) for config in configs]
    assert [(record.status, record.error) for record in records if record] == [
        ("failed", "RuntimeError: no memory")
    ] * 2
    assert not any(is_final(record) for record in records)


def test_a_folder_that_another_process_holds_keeps_the_whole_pack_from_beginning(configs: list[Any]) -> None:
    with exclusive(run_folder(configs[1])), pytest.raises(ConfigError, match="must be free"):
        packed(configs)
    assert [find_record(config) for config in configs] == [None, None]


def test_where_alone_is_faster_nothing_is_packed_and_the_measurement_is_remembered(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def slow(lanes: Any, *, form: Form) -> float:
        measured.append(len(lanes))
        return 10.0

    monkeypatch.setattr("podium.pack.choice.seconds_packed", slow)
    for _ in range(2):
        with pytest.raises(Unpackable, match=r"one after the other they train faster: .* 0\.00 times"):
            train_packed(configs)
    assert measured == [2]
    path = Path(configs[0]["paths"]["runs"]) / CHOICES_FILE
    path.write_text("damaged")
    with pytest.raises(Unpackable):
        train_packed(configs)
    assert measured == [2, 2]
    assert [find_record(config) for config in configs] == [None, None]


def test_a_network_that_looks_at_other_samples_of_the_batch_is_found_out(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.networks.dense import Dense

    def mixes(self: Any, input: Any) -> Any:
        return self.output(self.hidden(input)) - self.output(self.hidden(input)).mean(0)

    monkeypatch.setattr(Dense, "forward", mixes)
    for config in configs:
        config["tricks"] = {}
    with pytest.raises(Unpackable, match="other gradients"):
        packed(configs)


def test_a_form_that_gives_other_gradients_is_found_out(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.pack.fold import FoldedLinear

    forward = FoldedLinear.forward

    def wrong(self: FoldedLinear, input: Any) -> Any:
        found = forward(self, input)
        return found if self.lanes.form is Form.APART else 2 * found

    monkeypatch.setattr(FoldedLinear, "forward", wrong)
    with pytest.raises(Unpackable, match="other gradients"):
        packed(configs, form=Form.GROUPED)
    monkeypatch.setattr("podium.pack.train.check_same", lambda lanes, form: None)
    assert len(packed(configs, form=Form.GROUPED)) == 2  # the protection switched off


def test_random_numbers_that_nobody_knows_of_are_found_out(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from podium.tasks.classification import Classification

    def draws(self: Any, batch: Batch) -> Batch:
        torch.rand(1)
        return batch

    monkeypatch.setattr(Classification, "augmented", draws)
    for config in configs:
        config["tricks"] = {}
    with pytest.raises(Unpackable, match="draw random numbers"):
        packed(configs)


def test_a_run_with_a_checkpoint_is_left_to_go_on_from_it(configs: list[Any]) -> None:
    train({**configs[0], "runtime": {**configs[0]["runtime"], "stop_epoch": 1}})
    with pytest.raises(Alone, match="goes on from a checkpoint"):
        packed(configs)


def test_nothing_is_called_better_alone_whose_data_are_read_from_files(
    configs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    train({**configs[0], "runtime": {**configs[0]["runtime"], "stop_epoch": 1}})
    monkeypatch.setattr("podium.pack.home.Arrays", str)  # which no examples are
    with pytest.raises(Unpackable, match="read from files") as refused:
        packed(configs)
    assert refused.type is Unpackable
