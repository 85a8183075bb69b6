"""The lean epoch trains, counts, calls and saves as Lightning's own does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from podium.data.loader import BatchLoader
from podium.run.build import build
from podium.run.engine import loop, training_loader
from podium.run.epoch import HOOKS, LeanEpoch, has

Settings = Callable[..., dict[str, Any]]


class Noting(pl.Callback):
    """Writes down each hook of a batch, whose turn Lightning says it is, and what had been counted by then."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def note(self, hook: str, trainer: pl.Trainer, *given: Any) -> None:
        task = trainer.lightning_module
        numbers = [float(x.detach()) for x in given if isinstance(x, torch.Tensor)]
        indices = [x for x in given if isinstance(x, int)]
        losses = [float(x["loss"]) for x in given if isinstance(x, dict)]
        counted = (trainer.global_step, trainer.fit_loop.epoch_loop.batch_progress.state_dict())
        self.seen.append((hook, task._current_fx_name, numbers, indices, losses, repr(counted)))


def _noting(hook: str) -> Callable[..., None]:
    return lambda self, trainer, task, *given: self.note(hook, trainer, *given)


for _hook in HOOKS:
    setattr(Noting, _hook, _noting(_hook))


class Logs(pl.Callback):
    """Logs by Lightning's own means in the middle of a step."""

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *given: Any) -> None:
        pl_module.log("steps", float(trainer.global_step))


def lightnings_own(trainer: pl.Trainer) -> None:
    """Leave a trainer's epochs to Lightning."""


def trained(config: dict[str, Any], folder: Path, *more: pl.Callback) -> tuple[pl.Trainer, dict[str, Any]]:
    """The trainer and the checkpoint of its end."""
    parts = build(config)
    parts.data.setup("fit")
    loader: BatchLoader = training_loader(parts, seed=0)
    kept: list[pl.Trainer] = []

    class Last(pl.callbacks.Checkpoint):
        def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            kept.append(trainer)
            trainer.save_checkpoint(folder / "end.ckpt")

    loop(parts, folder, [*parts.tricks, *more, Last()], loader=loader, checkpoint=None)
    return kept[0], torch.load(folder / "end.ckpt", weights_only=True)


def equal(one: Any, other: Any) -> bool:
    """Whether two checkpoints hold the same to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="plain"),
        pytest.param(["tricks=[dropout,sam,gradient_noise]"], id="tricks_with_hooks"),
        pytest.param(["schedule=cyclic_cosine", "optimizer=momentum"], id="schedule_of_steps"),
        pytest.param(["tricks=[ema,grad_clip,max_norm]", "schedule=plateau"], id="averages"),
    ],
)
def test_a_lean_epoch_ends_in_the_checkpoint_of_lightnings_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    config = settings(*words)
    notes = [Noting(), Noting()]
    _, lean = trained(config, tmp_path, notes[0])
    monkeypatch.setattr(LeanEpoch, "into", lightnings_own)
    trainer, own = trained(config, tmp_path, notes[1])
    assert type(trainer.fit_loop.epoch_loop) is not LeanEpoch
    assert [k for k in own if not equal(own[k], lean[k])] == []
    assert len(notes[0].seen) >= len(HOOKS) * 2 * 20  # two epochs of twenty steps and more
    assert notes[0].seen == notes[1].seen


def test_a_callback_that_logs_in_a_step_is_heard(settings: Settings, tmp_path: Path) -> None:
    trainer, _ = trained(settings(), tmp_path, Logs())
    assert float(trainer.callback_metrics["steps"]) == trainer.global_step


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ([], False),
        (["trainer.accumulate=2"], True),
        (["trainer.precision=bf16-mixed"], True),
        (["network=perceptron", "task=perceptron", "data=separable"], True),
    ],
    ids=["plain", "accumulated", "mixed_precision", "a_rule_of_its_own"],
)
def test_what_is_not_plain_is_left_to_lightning(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], left: bool
) -> None:
    steps: list[int] = []
    own = LeanEpoch.__mro__[1].advance  # type: ignore[attr-defined]

    def noted(self: Any, fetcher: Any) -> None:
        steps.append(self.batch_idx)
        own(self, fetcher)

    monkeypatch.setattr(LeanEpoch.__mro__[1], "advance", noted)
    trained(settings(*words), tmp_path)
    assert bool(steps) is left


def test_a_hook_counts_wherever_it_is_given() -> None:
    plain, given = pl.Callback(), pl.Callback()
    given.on_before_backward = lambda *_: None  # type: ignore[method-assign]
    assert not has(plain, "on_before_backward")
    assert has(given, "on_before_backward")
    assert has(Noting(), "on_before_backward")
