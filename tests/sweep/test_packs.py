"""Sweeps train runs of one shape as one program, and their trials are as before."""

from dataclasses import replace

import pytest

from podium.pack.choice import Choice
from podium.pack.errors import Unpackable
from podium.pack.form import Form
from podium.records.record import RunRecord
from podium.run.errors import ConfigError
from podium.run.folders import find_folders, find_record
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.packs import divided, pack_runs, why_not
from podium.sweep.tools import real_tools
from podium.sweep.trial import Trial, load

from . import fake

WORDS = (
    "network=dense32",
    "network.widths=[8]",
    "data=digits",
    "data.view.fraction=0.1",
    "trainer.max_epochs=1",
    "tracking=none",
    "runtime.accelerator=cpu",
    "initializer=choice(he_normal, glorot_normal)",
    "seeds=2",
    "name=packed",
)


@pytest.fixture
def quick(monkeypatch):
    """No pictures, and packs however fast they are."""
    monkeypatch.setattr("podium.run.train.draw", lambda *args: None)
    monkeypatch.setattr("podium.run.train.INFERENCE_TIMED_S", 0.0)
    monkeypatch.setattr("podium.pack.train.choose", lambda lanes, *_: Choice(len(lanes), Form.GROUPED, 9.0))


@pytest.mark.usefixtures("quick")
def test_a_grid_of_one_shape_is_packed_without_ray_a_program_on_each_core_and_its_trials_are_as_alone(
    plan_of, tmp_path, monkeypatch, capsys
):
    def no_ray(*args):
        raise AssertionError("Ray was asked")

    monkeypatch.setattr("podium.sweep.tuning.carry_out", no_ray)
    monkeypatch.setattr("podium.sweep.packs.cores", lambda cluster: 2)
    plan, tools = plan_of(*WORDS), real_tools()
    plan.claim()
    result = carry_out_sweep(plan, tools, check_configurations(plan, tools)[0])
    assert "packed: 4 runs in 2 programs\n" in capsys.readouterr().out
    assert result.complete
    alone = replace(plan, folder=tmp_path / "alone", fixed=(*plan.fixed, f"paths.runs={tmp_path / 'solo'}"))
    for line, outcome in load(plan.folder).items():
        solo = Trial(alone, tuple(outcome.point), tools).advance(None)
        assert (solo.line, solo.status, solo.entry_hash) == (line, outcome.status, outcome.entry_hash)
        assert outcome.value == pytest.approx(solo.value, abs=1e-5)
        assert [r.seed for r in outcome.replicates] == [0, 1]
        assert [r.epochs for r in outcome.replicates] == [1, 1]
        (folder,) = find_folders(Trial(plan, tuple(outcome.point), tools).config(0, None))
        record = RunRecord.load(folder)
        assert record.tags.pop("packed") in ("1 of 2, in groups", "2 of 2, in groups")
        assert record.tags == {"sweep": "packed", "configuration": line}
        assert record.groups == ["sweep:packed", f"configuration:{line}"]


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_packed_is_left_and_said(plan_of):
    plan, tools = plan_of(*WORDS), real_tools()
    first = Trial(plan, plan.points()[0], tools)
    configs = [first.config(seed, None) for seed in range(2)]
    other = {**configs[0], "trainer": {**configs[0]["trainer"], "precision": "bf16-mixed"}}
    said = pack_runs([*configs, other], title="some", at_once=1)
    assert str(said) == "packed: 2 runs in 1 programs; alone: 1 (trainer.precision=bf16-mixed)"
    assert find_record(other) is None


@pytest.mark.parametrize("error", [Unpackable("because"), ConfigError("because"), RuntimeError("because")])
def test_runs_of_a_pack_that_fails_are_left_to_be_trained_alone(plan_of, monkeypatch, error):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr("podium.pack.shares.train_packed", fails)
    plan, tools = plan_of(*WORDS), real_tools()
    configs = [Trial(plan, plan.points()[0], tools).config(seed, None) for seed in range(2)]
    said = str(pack_runs(configs, title="some", at_once=1))
    assert said.startswith("packed: no runs; alone: 2 (")
    assert said.endswith("because)")


NOT = {
    "pack=off": "pack=off",
    "search=median": "search=median looks at runs on the way",
    "search=optuna": "search=optuna looks at runs on the way",
    "budget.epochs=5": "the sweep has a budget",
    "cluster.gpus_per_trial=0.5": "a cluster trains the runs",
}


@pytest.mark.parametrize("word", NOT)
def test_why_a_sweep_is_not_packed(plan_of, word):
    assert why_not(plan_of(*WORDS, word), real_tools()) == NOT[word]
    assert why_not(plan_of(*WORDS), real_tools()) is None
    assert why_not(plan_of(*WORDS), fake.tools()) == "pack=off"


def test_pack_is_auto_or_off(plan_of):
    with pytest.raises(ConfigError, match="pack must be auto or off, got 'on'"):
        plan_of(*WORDS, "pack=on")


@pytest.mark.usefixtures("quick")
def test_packs_are_divided_among_the_processes_in_parts_of_two_runs_or_more(plan_of):
    plan, tools = plan_of(*WORDS), real_tools()
    configs = [Trial(plan, point, tools).config(seed, None) for point in plan.points() for seed in range(2)]
    shares, processes = divided([*configs, *configs], [range(5), [5, 6, 7]], 2, {2, 6})
    assert processes == 2
    assert [len(share.configs) for share in shares] == [3, 2, 3]
    assert [list(share.pictures) for share in shares] == [[1], [], [1]]
    assert {share.at_least for share in shares} == {1.0}  # two at once here, two at once there
    several = [{**one, "runtime": {**one["runtime"], "threads": 2}} for one in configs]
    shares, processes = divided(several, [range(4)], 2, set())
    assert processes == 1  # other threads do not outlive a fork
    assert [(len(share.configs), share.at_least) for share in shares] == [(4, 2)]
