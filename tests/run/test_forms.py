"""The form of a run that is found by measuring: never slower, never another loss, named in the record, remembered."""

import json
import math

import pytest
import torch
from torch import nn

from podium.records.record import RunRecord
from podium.run import forms
from podium.run.assemble import compose, compose_seeds
from podium.run.build import build, training_batch
from podium.run.command import compose_alone, train_command
from podium.run.errors import ConfigError
from podium.run.forms import FORMS_FILE, PLAIN, Form, Found, candidates, fastest, steps_of, with_form

WORDS = (
    "network=lecture_cnn",
    "network.filters=[4,4]",
    "network.widths=[8]",
    "data=digits",
    "data.view.fraction=0.1",
    "trainer.max_epochs=1",
    "tracking=none",
    "runtime.accelerator=cpu",
    "runtime.progress=false",
)
MIXED = Form("bf16-mixed", False, False)
LAST = Form("bf16-mixed", True, False)


@pytest.fixture
def auto(tmp_path, monkeypatch):
    """A configuration whose form is open, composed in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    return compose_seeds([*WORDS, "trainer=auto", "trainer.max_epochs=1"], seeds=None)[0]


def timed(monkeypatch, costs, losses=None):
    """What is found where each form's step takes so long and gives such a loss."""

    def make(form):
        def step():
            return (losses or {}).get(form, 2.0)

        step.cost = costs[form]
        return step

    monkeypatch.setattr(forms, "_seconds", lambda step: step.cost)
    return fastest(list(costs), make)


def test_the_fastest_form_is_found(monkeypatch):
    assert timed(monkeypatch, {PLAIN: 1.0, MIXED: 0.8, LAST: 0.4}) == Found(LAST, 2.5)


@pytest.mark.parametrize("cost", [0.97, 1.0, 3.0])
def test_the_plain_form_stays_unless_another_is_clearly_faster(monkeypatch, cost):
    assert timed(monkeypatch, {PLAIN: 1.0, MIXED: cost}) == Found(PLAIN, 1.0)


@pytest.mark.parametrize("loss", [2.2, math.nan, math.inf])
def test_a_form_with_another_loss_is_left_out_however_fast(monkeypatch, loss):
    costs = {PLAIN: 1.0, MIXED: 0.1, LAST: 0.5}
    assert timed(monkeypatch, costs, {MIXED: loss}) == Found(LAST, 2.0)
    if loss == 2.2:
        monkeypatch.setattr(forms, "SAME", 0.5)
        assert timed(monkeypatch, costs, {MIXED: loss}) == Found(MIXED, 10.0)


def test_a_form_that_takes_too_much_memory_is_left_out_but_not_the_plain_one(monkeypatch):
    def make(form):
        def step():
            if form == full:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return 2.0

        step.cost = {PLAIN: 1.0, MIXED: 0.1, LAST: 0.5}[form]
        return step

    monkeypatch.setattr(forms, "_seconds", lambda step: step.cost)
    full = MIXED
    assert fastest([PLAIN, MIXED, LAST], make) == Found(LAST, 2.0)
    full = PLAIN
    with pytest.raises(torch.OutOfMemoryError):
        fastest([PLAIN, MIXED, LAST], make)


@pytest.mark.parametrize(("accumulate", "graphs"), [(1, True), (2, False)])
def test_on_a_gpu_compiled_forms_are_measured_and_graphs_where_no_gradients_are_kept(
    auto, monkeypatch, accumulate, graphs
):
    monkeypatch.setattr(forms, "on_gpus", lambda accelerator: True)
    monkeypatch.setattr(forms, "fastest", lambda found, make: found)
    plain = {
        **auto,
        "trainer": {**auto["trainer"], "precision": "32-true", "channels_last": False, "compile": False}
        | {"accumulate": accumulate},
    }
    found = forms.measure(plain, ["compile"])
    modes = [False, True, "reduce-overhead"] if graphs else [False, True]
    assert [form.compile for form in found] == modes


def test_only_forms_that_are_open_and_can_matter_are_measured():
    every = ["precision", "channels_last", "compile"]
    picture, row = torch.zeros(1, 8, 8), torch.zeros(64)
    cnn, dense = nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Sequential(nn.Linear(64, 2))
    cpu, gpu = [False], [False, True, "reduce-overhead"]
    assert candidates(PLAIN, every, dense, sample=row, modes=cpu) == [PLAIN, MIXED]
    assert candidates(PLAIN, every, cnn, sample=picture, modes=cpu)[0] == PLAIN
    assert len(candidates(PLAIN, every, cnn, sample=picture, modes=cpu)) == 4
    assert len(candidates(PLAIN, every, cnn, sample=picture, modes=gpu)) == 12
    assert candidates(MIXED, ["channels_last"], cnn, sample=picture, modes=gpu) == [MIXED, LAST]


def test_every_form_of_a_real_network_gives_its_loss_within_the_tolerance(auto):
    plain = {
        **auto,
        "trainer": {**auto["trainer"], "precision": "32-true", "channels_last": False, "compile": False},
    }
    parts = build(plain)
    batch = training_batch(parts.data, 32)
    losses = [
        steps_of(build({**plain, "trainer": {**plain["trainer"], "channels_last": form.channels_last}}), form, batch,
                 torch.device("cpu"))()
        for form in candidates(PLAIN, ["precision", "channels_last"], parts.network, sample=batch.input[0], modes=[False])
    ]  # fmt: skip
    assert losses[1:] == [pytest.approx(losses[0], rel=forms.SAME)] * 3
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)  # channels last is the same numbers
    assert losses[2] != losses[0]  # bfloat16 is not


def test_the_record_names_the_form_and_the_named_run_is_the_same_entry(auto, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(forms, "measure", lambda config, keys: Found(LAST, 2.0))
    assert train_command([*WORDS, "trainer=auto", "trainer.max_epochs=1"], fresh=False) == 0
    (folder,) = (tmp_path / "runs").glob("*-s0")
    record = RunRecord.load(folder)
    trainer = record.config["trainer"]
    assert (trainer["precision"], trainer["channels_last"], trainer["compile"]) == ("bf16-mixed", True, False)
    capsys.readouterr()
    assert (
        train_command([*WORDS, "trainer.precision=bf16-mixed", "trainer.channels_last=true"], fresh=False)
        == 0
    )
    assert "already trained" in capsys.readouterr().out


def test_what_was_measured_is_remembered_by_what_was_open_and_a_damaged_file_measured_again(
    auto, monkeypatch, tmp_path
):
    measured = []

    def measure(config, keys):
        measured.append(list(keys))
        return Found(MIXED, 1.5)

    monkeypatch.setattr(forms, "measure", measure)
    first = with_form(auto)
    assert with_form(auto) == first
    assert len(measured) == 1
    assert first["trainer"]["precision"] == "bf16-mixed"
    half = {**auto, "trainer": {**auto["trainer"], "channels_last": True, "compile": False}}
    assert with_form(half)["trainer"]["channels_last"] is True
    assert measured[1:] == [["precision"]]
    path = tmp_path / "runs" / FORMS_FILE
    assert len(json.loads(path.read_text())) == 2
    path.write_text("{")
    assert with_form(auto) == first
    assert len(measured) == 3
    named = {**auto, "trainer": first["trainer"]}
    assert with_form(named) is named


def test_a_real_measurement_ends_in_a_form(auto, monkeypatch):
    monkeypatch.setattr(forms, "ROUNDS", 1)
    trainer = with_form(auto)["trainer"]
    assert trainer["precision"] in ("32-true", "bf16-mixed")
    assert trainer["channels_last"] in (False, True)
    assert trainer["compile"] is False


def test_runs_that_are_compared_must_have_a_named_form(auto):
    with pytest.raises(
        ConfigError, match=r"trainer\.precision must be named where runs are compared, got auto"
    ):
        compose([*WORDS, "trainer=auto"])
    with pytest.raises(ConfigError, match=r"trainer\.channels_last must be named"):
        compose([*WORDS, "trainer.channels_last=auto"])


def test_a_wrong_key_is_told_before_anything_is_measured(auto, monkeypatch):
    monkeypatch.setattr(forms, "measure", lambda *args: pytest.fail("it was measured"))
    with pytest.raises(ConfigError, match="accumulate must be at least 1"):
        compose_alone([*WORDS, "trainer=auto", "trainer.accumulate=0"])


def test_a_precision_that_is_not_measured_is_refused(auto):
    with pytest.raises(
        ConfigError, match=r"trainer\.channels_last=auto needs a precision that is measured, got 16-mixed"
    ):
        compose_alone([*WORDS, "trainer.precision=16-mixed", "trainer.channels_last=auto"])
