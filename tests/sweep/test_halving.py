"""ASHA on lanes: the worse are stopped at rungs, the program shrinks, and what is left is as if each had trained alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from safetensors.torch import load_file

from podium.pack.choice import Choice
from podium.pack.program import Program
from podium.records.record import RunRecord, Status
from podium.run.assemble import compose
from podium.run.folders import find_folders, find_record
from podium.run.interrupts import Interrupted
from podium.sweep import halving
from podium.sweep.command import carry_out_sweep, check_configurations, is_done
from podium.sweep.halving import Halving
from podium.sweep.plan import make_plan
from podium.sweep.tools import real_tools
from podium.sweep.trial import Trial, load

WORDS = (
    "network=dense32",
    "network.widths=[12]",
    "data=digits",
    "data.view.fraction=0.2",
    "data.batch_size=16",
    "tracking=none",
    "runtime.accelerator=cpu",
    "trainer.max_epochs=9",
    "optimizer.lr=choice(0.00001, 0.0001, 0.001, 0.01, 0.03, 0.1)",
    "initializer=choice(he_normal, glorot_normal)",
    "seeds=2",
    "metric=validation/loss",
)
ASHA = (*WORDS, "search=asha", "search.trials=12", "name=halved")


def make_quick(patch):
    """No pictures, packs however fast they are, and no Ray."""

    def no_ray(*args):
        raise AssertionError("Ray was asked")

    patch.setattr("podium.run.train.draw", lambda *args: None)
    patch.setattr("podium.run.train.INFERENCE_TIMED_S", 0.0)
    patch.setattr("podium.pack.train.choose", lambda lanes, *_: Choice(len(lanes), False, 9.0))
    patch.setattr("podium.sweep.tuning.carry_out", no_ray)


def sizes_seen(patch):
    """The lanes of each program after each epoch."""
    seen = []
    validate = Program.validate

    def counted(program):
        seen.append(len(program.lanes))
        return validate(program)

    patch.setattr(Program, "validate", counted)
    return seen


@pytest.fixture
def quick(monkeypatch):
    make_quick(monkeypatch)


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    """A sweep that was halved on lanes, and how many there were after each epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder := tmp_path_factory.mktemp("halved"))
        make_quick(patch)
        sizes = sizes_seen(patch)
        plan = make_plan([*ASHA, f"paths.runs={folder / 'runs'}"], compose)
        return plan, carried_out(plan), sizes


def carried_out(plan):
    tools = real_tools()
    configs = check_configurations(plan, tools)
    plan.claim()
    return carry_out_sweep(plan, tools, configs[0])


def epochs_of(outcomes):
    return sum(replicate.epochs for outcome in outcomes.values() for replicate in outcome.replicates)


def decided(result):
    return [(row.outcome.line, row.outcome.status, row.outcome.epochs) for row in result.rows]


@pytest.mark.usefixtures("quick")
def test_halving_finds_the_winner_of_the_full_grid_with_a_third_of_its_epochs(halved, plan_of):
    plan, result, sizes = halved
    outcomes = load(plan.folder)
    statuses = Counter(outcome.status for outcome in outcomes.values())
    assert statuses[Status.STOPPED] == 12 - statuses[Status.FINISHED]
    assert sizes[0] == 24
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 2 * statuses[Status.FINISHED] < 12
    assert result.complete
    assert is_done(plan)
    whole = carried_out(full := plan_of(*WORDS, "search=grid", "name=grid"))
    assert result.best.outcome.line == whole.best.outcome.line
    assert 3 * epochs_of(outcomes) <= epochs_of(load(full.folder)) == 9 * 24


def test_a_run_is_as_alone_up_to_where_it_was_stopped_and_says_so(halved, plan_of):
    plan, _, _ = halved
    alone, seen = plan_of(*ASHA), set()
    for outcome in load(plan.folder).values():
        if outcome.epochs in seen:
            continue
        seen.add(outcome.epochs)
        (folder,) = find_folders(Trial(plan, tuple(outcome.point), real_tools()).config(1, None))
        solo = Trial(alone, tuple(outcome.point), real_tools())
        assert outcome.value == pytest.approx(solo.advance(outcome.epochs).value, abs=1e-5)
        (other,) = find_folders(solo.config(1, outcome.epochs))
        record, told = RunRecord.load(folder), RunRecord.load(other).history
        assert record.history.keys() == told.keys()
        for name, points in told.items():
            assert record.history[name] == [[step, pytest.approx(value, abs=1e-5)] for step, value in points]
        assert " of 24, " in record.tags["packed"]
        if outcome.epochs is None:
            assert record.status is Status.FINISHED
            ours, theirs = (load_file(one / "network.safetensors") for one in (folder, other))
            assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) < 1e-5
        else:
            assert record.status is Status.STOPPED
            assert not (folder / "network.safetensors").exists()
    assert {1, None} <= seen


@pytest.mark.usefixtures("quick")
def test_what_is_interrupted_goes_on_with_the_same_decisions(halved, plan_of, monkeypatch):
    plan, sizes = plan_of(*ASHA), sizes_seen(monkeypatch)
    at_rung = Halving.at_rung

    def ends_at_three(self, epochs, places):
        gone = at_rung(self, epochs, places)
        if epochs == 2:
            raise Interrupted(signal.SIGTERM)
        return gone

    monkeypatch.setattr(Halving, "at_rung", ends_at_three)
    with pytest.raises(Interrupted):
        carried_out(plan)
    open_ = [
        o for o in load(plan.folder).values() if find_record(first(plan, o)).status is Status.INTERRUPTED
    ]
    assert 0 < len(open_) < 12
    monkeypatch.setattr(Halving, "at_rung", at_rung)
    sizes.clear()
    result = carried_out(plan)
    assert sizes[0] == 2 * len(open_)
    assert decided(result) == decided(halved[1])


def first(plan, outcome):
    return Trial(plan, tuple(outcome.point), real_tools()).config(0, None)


@pytest.mark.usefixtures("quick")
def test_a_trial_whose_seed_diverges_failed_and_the_others_go_on(plan_of):
    words = (
        *WORDS[:-4],
        "optimizer=sgd",
        "optimizer.lr=choice(0.01, 0.1, 1e30)",
        "seeds=2",
        "metric=validation/loss",
    )
    plan = plan_of(*words, "search=hyperband", "search.trials=3", "name=wild")
    result = carried_out(plan)
    found = {float(outcome.point[0]): outcome.status for outcome in load(plan.folder).values()}
    assert found[1e30] is Status.FAILED
    assert result.best is not None
    assert result.complete


@pytest.mark.usefixtures("quick")
def test_trials_that_cannot_be_compared_in_one_program_are_left_to_ray(plan_of):
    plan = plan_of(*ASHA, "folds=2", "name=folds")
    told = halving.pack_halving(plan, real_tools(), check_configurations(plan, real_tools())[0], at_once=1)
    assert str(told) == "packed: no runs; alone: 24 (the seeds of a trial differ in shape)"
    assert halving.stopped_points(plan, check_configurations(plan, real_tools())[0]) is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_halving_goes_on_and_does_not_train_again_what_was_stopped(tmp_path):
    command = [sys.executable, "-m", "podium", "sweep", *ASHA, "runtime.progress=false"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    runs, until = tmp_path / "runs", time.monotonic() + 400

    def stopped():
        texts = {path.parent.name: path.read_text() for path in runs.glob("*/record.json")}
        return {name: text for name, text in texts.items() if json.loads(text)["status"] == "stopped"}

    while not stopped():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = stopped()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"packed: \d+ runs in ", done.stdout)
    after = stopped()
    assert {name: after[name] for name in before} == before
    statuses = Counter(outcome.status for outcome in load(tmp_path / "sweeps" / "halved").values())
    assert statuses.keys() == {Status.FINISHED, Status.STOPPED}
    assert statuses.total() == 12
