"""Kill -9 at random steps: the resumed run equals the uninterrupted one bit for bit."""

import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from picture_samples import class_folders
from podium.records.record import RunRecord, Status
from podium.run import saver
from podium.run.assemble import compose
from podium.run.data_command import data_command
from podium.run.folders import run_folder
from podium.run.train import train

TRICKS = (
    "tricks=[dropout,mixup,label_smoothing,ema,grad_clip,early_stopping]",
    "tricks.early_stopping.patience=50",
)
SETTINGS = (
    "network=lecture_cnn_bn_8",
    "schedule=cosine",
    "trainer.max_epochs=3",
    "runtime.progress=false",
    "runtime.accelerator=cpu",
    "runtime.flush_every_n_steps=7",
    "tracking=none",
)
STEPS = 3 * 19  # more than there are: a kill after the end of training kills while the run is being finished
FORK = multiprocessing.get_context("fork")


def config(
    tmp_path: Path, *more: str, tricks: tuple[str, ...] = TRICKS, every_s: float = 0.0
) -> dict[str, Any]:
    paths = (f"paths.runs={tmp_path}", f"paths.data={tmp_path}", f"runtime.checkpoint_every_s={every_s}")
    return compose([*SETTINGS, *tricks, *paths, *more])


def in_child(work: Callable[[], Any]) -> int | None:
    """Run in a forked process, which saves importing torch again, and return its exit code."""
    process = FORK.Process(target=work)
    process.start()
    process.join(120)
    return process.exitcode


def train_and_kill(settings: dict[str, Any], step: int) -> None:
    """Train in a child that kills itself with SIGKILL when a step is done, after or before its checkpoint."""
    steps = 0
    original = saver.Saver.on_train_batch_end

    def hook(self: saver.Saver, *args: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == step and step % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, *args)
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        saver.Saver.on_train_batch_end = hook  # type: ignore[method-assign]
        train(settings)

    assert in_child(work) == -signal.SIGKILL


def outcome(folder: Path) -> tuple[dict[str, Any], RunRecord]:
    """The last checkpoint and the record of a run."""
    return torch.load(folder / "last.ckpt", weights_only=True), RunRecord.load(folder)


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ, to the last bit; seconds of training aside."""
    if path.endswith("train_s"):
        return []
    if isinstance(ours, torch.Tensor):
        return [] if torch.equal(ours, theirs) else [path]
    if isinstance(ours, dict):
        if ours.keys() != theirs.keys():
            return [f"{path}: keys"]
        return [line for key in ours for line in differences(ours[key], theirs[key], f"{path}.{key}")]
    if isinstance(ours, list | tuple):
        if len(ours) != len(theirs):
            return [f"{path}: length"]
        return [line for k in range(len(ours)) for line in differences(ours[k], theirs[k], f"{path}[{k}]")]
    return [] if ours == theirs or (ours != ours and theirs != theirs) else [f"{path}: {ours} {theirs}"]


def assert_same_run(folder: Path, reference: Path) -> None:
    checkpoint, record = outcome(folder)
    expected, uninterrupted = outcome(reference)
    kept = ("state_dict", "optimizer_states", "callbacks", "meter", "schedule", "rng", "global_step")
    assert [line for key in kept for line in differences(checkpoint[key], expected[key], key)] == []
    assert record.status is Status.FINISHED
    assert record.metrics == uninterrupted.metrics
    assert record.history == uninterrupted.history
    assert record.files is not None
    assert uninterrupted.files is not None
    for name in ("predictions.npz", "network.safetensors"):
        assert record.files[name] == uninterrupted.files[name]


def check_kills(
    tmp_path: Path, steps: list[int], *, every_s: float, tricks: tuple[str, ...] = TRICKS
) -> None:
    settings = config(tmp_path / "reference", every_s=1e9, tricks=tricks)
    assert in_child(lambda: train(settings)) == 0
    for k, step in enumerate(steps):
        killed = config(tmp_path / str(k), every_s=every_s, tricks=tricks)
        train_and_kill(killed, step)
        assert RunRecord.load(run_folder(killed)).status is Status.RUNNING
        assert in_child(lambda killed=killed: train(killed)) == 0  # type: ignore[misc]
        assert_same_run(run_folder(killed), run_folder(settings))
        assert RunRecord.load(run_folder(killed)).resumes == 1


def test_a_run_killed_in_mid_epoch_and_at_an_epochs_end_resumes_to_the_same_bits(tmp_path: Path) -> None:
    check_kills(tmp_path, [8, 19], every_s=0.0)


def test_a_run_whose_layers_thaw_at_rates_of_their_own_resumes_in_mid_epoch_to_the_same_bits(
    tmp_path: Path,
) -> None:
    check_kills(tmp_path, [30], every_s=0.0, tricks=("tricks=[gradual_unfreezing,layer_rates,weight_decay]",))


@pytest.mark.parametrize("packed", [True, False], ids=["pack", "files"])
def test_a_run_on_crops_of_whole_pictures_resumes_in_mid_epoch_to_the_same_bits(
    tmp_path: Path, packed: bool
) -> None:
    root = class_folders(tmp_path / "pictures", {"cat": 60, "dog": 60})
    words = [
        "data=image_folder",
        f"data.root={root}",
        "data.shape=[3,16,16]",
        "data.images.resize=20",
        "data.batch_size=16",
    ]
    if packed:
        out = tmp_path / "pack"
        assert in_child(lambda: data_command("pack", words, out=out, keep="pixels")) == 0
        words.append(f"data.images.packed={out}")
    words += ["data.images.crops=resized", "augment=[resized_crop,flip,color_jitter]"]
    check_kills(tmp_path, [8, 9], every_s=0.0, tricks=(*words, "tricks=[mixup]"))


@pytest.mark.slow
def test_twenty_kills_at_random_steps_resume_to_the_same_bits(tmp_path: Path) -> None:
    check_kills(tmp_path, random.Random(20).sample(range(1, STEPS - 3), 20), every_s=0.05)


@pytest.mark.parametrize("protection", ["random generators", "batches left out"])
def test_without_a_protection_the_resumed_run_differs(tmp_path: Path, protection: str) -> None:
    settings = config(tmp_path / "reference", every_s=1e9)
    assert in_child(lambda: train(settings)) == 0
    killed = config(tmp_path / "killed")
    train_and_kill(killed, 8)

    def unprotected() -> None:
        load = saver.Saver.on_load_checkpoint

        def hook(self: saver.Saver, trainer: Any, module: Any, checkpoint: dict[str, Any]) -> None:
            load(self, trainer, module, checkpoint)
            if protection == "random generators":
                self._rng = None
            else:
                self.loader.resume_at(epoch=0, batch=0)

        saver.Saver.on_load_checkpoint = hook  # type: ignore[method-assign]
        train(killed)

    assert in_child(unprotected) == 0
    with pytest.raises(AssertionError):
        assert_same_run(run_folder(killed), run_folder(settings))


def test_a_paused_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    settings = config(tmp_path / "reference", every_s=1e9)
    assert in_child(lambda: train(settings)) == 0

    def rung_by_rung() -> None:
        for stop in (1, 2):
            paused = config(tmp_path / "paused", f"runtime.stop_epoch={stop}", every_s=1e9)
            assert train(paused).status is Status.PAUSED
        assert train(config(tmp_path / "paused", every_s=1e9)).status is Status.FINISHED

    assert in_child(rung_by_rung) == 0
    assert_same_run(run_folder(config(tmp_path / "paused")), run_folder(settings))


def test_a_run_that_stopped_early_before_its_pause_is_finished(tmp_path: Path) -> None:
    stops = (
        "tricks=[early_stopping]",
        "tricks.early_stopping.patience=1",
        "tricks.early_stopping.min_delta=1e9",
    )

    def work() -> None:
        record = train(config(tmp_path, "trainer.max_epochs=9", "runtime.stop_epoch=8", tricks=stops))
        assert record.status is Status.FINISHED

    assert in_child(work) == 0


def test_a_pause_that_is_asked_for_too_late_still_is_no_end(tmp_path: Path) -> None:
    def two_then_one() -> None:
        assert train(config(tmp_path, "runtime.stop_epoch=2", "trainer.max_epochs=4")).status is Status.PAUSED
        assert train(config(tmp_path, "runtime.stop_epoch=1", "trainer.max_epochs=4")).status is Status.PAUSED
        checkpoint, _ = outcome(run_folder(config(tmp_path, "trainer.max_epochs=4")))
        assert checkpoint["epoch"] == 1, "the second call must train nothing"

    assert in_child(two_then_one) == 0


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_polite_signal_saves_and_says_so(tmp_path: Path, signum: int, code: int) -> None:
    from podium.run.interrupts import Interrupted

    def work() -> None:
        try:
            train(config(tmp_path, every_s=1e9), after_first_step=lambda: os.kill(os.getpid(), signum))
        except Interrupted as error:
            os._exit(error.exit_code)

    assert in_child(work) == code
    checkpoint, record = outcome(run_folder(config(tmp_path)))
    assert record.status is Status.INTERRUPTED
    assert checkpoint["global_step"] == 1


def test_a_diverging_run_stops_and_names_the_batch(tmp_path: Path) -> None:
    settings = config(tmp_path, "optimizer=sgd", "optimizer.lr=1e12", tricks=())
    assert in_child(lambda: train(settings)) == 0
    record = RunRecord.load(run_folder(settings))
    assert record.status is Status.DIVERGED
    assert record.error is not None
    assert "epoch 0, batch" in record.error
    assert "lower optimizer.lr" in record.error
    assert record.metrics is None
