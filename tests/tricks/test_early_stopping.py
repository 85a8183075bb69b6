import math
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from podium.tricks.early_stopping import EarlyStopping

GOOD: dict[str, Any] = {
    "monitor": "validation/loss",
    "mode": "min",
    "patience": 2,
    "min_delta": 0.0,
    "restore_best": True,
}


def make(**changes: Any) -> EarlyStopping:
    return EarlyStopping(**{**GOOD, **changes})


def reference(values: list[float], *, mode: str, patience: int, min_delta: float) -> tuple[int, int]:
    """The number of epochs trained and the best of them (-1: none)."""
    sign = 1 if mode == "min" else -1
    best, best_epoch, bad = math.inf, -1, 0
    for epoch, value in enumerate(values):
        if sign * value < best - min_delta:
            best, best_epoch, bad = sign * value, epoch, 0
        else:
            bad += 1
        if bad == patience:
            return epoch + 1, best_epoch
    return len(values), best_epoch


class Script(pl.Callback):
    """Logs a written series as the metric ``score``, one value an epoch."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log("score", torch.tensor(self.values[trainer.current_epoch]))


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ([5, 4, 3, 3.5, 3.6, 1, 1], {}),
        ([5, 4, 3, 3.5, 2.9, 3, 3, 1], {}),
        ([5, 4, 3, 2, 1], {}),
        ([1, 2, 3, 2.5, 2.6, 9], {"mode": "max"}),
        ([5, 4.95, 4.9, 4.85, 4.8], {"min_delta": 0.2}),
        ([5, 4.95, 4.9, 4.85, 4.75, 4.7, 4.7], {"min_delta": 0.2, "patience": 4}),
        ([3, math.nan, math.nan, 1], {}),
        ([math.nan, math.nan, 1], {}),
        ([3, 3, 3], {"patience": 1}),
    ],
)
def test_it_stops_when_and_ends_with_what_the_formula_says(tools, values, changes):
    trick, validated = make(monitor="score", **changes), tools.At("on_validation_epoch_end")
    settings = {key: {**GOOD, **changes}[key] for key in ("mode", "patience", "min_delta")}
    fitted = tools.fit([trick], epochs=len(values), callbacks=[Script(values), validated])
    epochs, best = reference(values, **settings)
    assert len(validated.seen) == epochs
    kept = validated.seen[best]  # -1, none better: the last weights stay
    assert tools.equal(tools.copy_of(fitted.network), kept)


def test_without_restoring_the_last_weights_stay(tools):
    trick, validated = make(monitor="score", restore_best=False), tools.At("on_validation_epoch_end")
    fitted = tools.fit([trick], epochs=5, callbacks=[Script([1, 2, 3, 4, 5]), validated])
    assert len(validated.seen) == 3
    assert tools.equal(tools.copy_of(fitted.network), validated.seen[-1])
    assert trick.state_dict()["best_weights"] == {}


def test_endless_patience_without_restoring_is_neutral(tools):
    trick = make(patience=10**9, restore_best=False)
    assert tools.equal(
        tools.copy_of(tools.fit([trick], epochs=3).network), tools.copy_of(tools.fit([], epochs=3).network)
    )


def test_a_resumed_fit_stops_and_ends_as_an_uninterrupted_one(tools, tmp_path):
    values = [5.0, 4.0, 4.5, 4.6, 1.0]
    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 2)
    script = Script(values)
    whole = tools.fit([make(monitor="score")], epochs=5, callbacks=[script, save]).network
    validated = tools.At("on_validation_epoch_end")
    resumed = tools.fit(
        [make(monitor="score")], epochs=5, callbacks=[script, validated], resume=save.path
    ).network
    assert len(validated.seen) == 1
    assert tools.equal(tools.copy_of(resumed), tools.copy_of(whole))
    assert not tools.equal(tools.copy_of(resumed), validated.seen[-1])


def test_a_stopped_fit_resumed_trains_no_epoch_more(tools, tmp_path):
    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 2)
    script = Script([1.0, 2.0, 3.0, 0.5, 0.4])
    whole = tools.fit([make(monitor="score")], epochs=5, callbacks=[script, save]).network
    stepped = tools.At("on_train_batch_end")
    resumed = tools.fit(
        [make(monitor="score")], epochs=5, callbacks=[script, stepped], resume=save.path
    ).network
    assert stepped.seen == []
    assert tools.equal(tools.copy_of(resumed), tools.copy_of(whole))


def test_the_checkpoint_of_the_last_epoch_holds_the_last_weights(tools, tmp_path):
    save = tools.SaveAfterEpoch(tmp_path / "last.ckpt", 2)
    validated = tools.At("on_validation_epoch_end")
    tools.fit([make(monitor="score")], epochs=3, callbacks=[Script([1, 2, 3]), validated, save])
    saved = torch.load(save.path, weights_only=True)["state_dict"]
    assert tools.equal({name.removeprefix("network."): t for name, t in saved.items()}, validated.seen[-1])


def test_the_state_survives_a_file(tools):
    trick, other = make(monitor="score"), make(monitor="score")
    tools.fit([trick], epochs=3, callbacks=[Script([1, 2, 3])])
    other.load_state_dict(tools.through_a_file(trick.state_dict()))
    state = other.state_dict()
    assert (state["best"], state["best_epoch"], state["stopped"]) == (1.0, 0, True)
    assert tools.equal(state["best_weights"], trick.state_dict()["best_weights"])


def test_evaluation_after_the_fit_is_not_judged(tools):
    trick = make()
    fitted = tools.fit([trick])
    trick.load_state_dict({**trick.state_dict(), "best": math.inf})  # anything would be an improvement
    fitted.trainer.validate(fitted.task, tools.make_batches(5), verbose=False)
    assert trick.state_dict()["best"] == math.inf


def test_a_fit_without_validation_is_refused(tools):
    with pytest.raises(ValueError, match=r"^early stopping must have a validation split, got none; set .*$"):
        tools.fit([make()], validate=False)


def test_a_metric_that_nobody_logs_is_refused(tools):
    with pytest.raises(
        ValueError, match=r"^monitor must be logged in validation, got los; .*validation/loss.*$"
    ):
        tools.fit([make(monitor="los")])


@pytest.mark.parametrize(
    "bad", [{"mode": "low"}, {"patience": 0}, {"patience": -1}, {"min_delta": -0.1}, {"min_delta": math.nan}]
)
def test_a_bad_value_is_refused_by_its_name(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got .*$"):
        make(**bad)
