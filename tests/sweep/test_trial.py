from dataclasses import replace

import pytest

from podium.records.record import RunRecord, Status
from podium.run.errors import ConfigError
from podium.run.folders import find_folders
from podium.run.interrupts import Interrupted
from podium.sweep.trial import Trial, load

from . import fake


@pytest.fixture
def plan(plan_of):
    return plan_of("initializer=he_normal,zeros,explode,diverge", "tricks.dropout.p=0.1,0.5", "name=t")


def test_the_search_sees_the_mean_over_seeds(plan):
    trial = Trial(plan, ("he_normal", "0.5"), fake.tools())
    outcome = trial.advance(None)
    each = [fake.error_after(trial.config(seed, None), 9) for seed in range(3)]
    assert len(set(each)) == 3
    assert outcome.value == pytest.approx(sum(each) / 3)
    assert outcome.value != pytest.approx(each[0])
    assert [r.value for r in outcome.replicates] == pytest.approx(each)
    assert load(plan.folder) == {outcome.line: outcome}


def test_a_finished_trial_trains_nothing_again(plan):
    point = ("he_normal", "0.5")
    first = Trial(plan, point, fake.tools()).advance(None)
    trained = fake.epochs_trained("runs")

    def never(config):
        raise AssertionError("trained again")

    assert Trial(plan, point, replace(fake.tools(), train=never)).advance(None) == first
    assert fake.epochs_trained("runs") == trained
    find_nothing = replace(fake.tools(), train=never, find=lambda config: None)
    assert Trial(plan, point, find_nothing).advance(None).status is Status.FAILED


def test_seeds_go_through_the_rungs_in_lockstep_and_no_epoch_is_trained_twice(plan):
    trial = Trial(plan, ("he_normal", "0.5"), fake.tools())
    values = [trial.advance(epochs) for epochs in (1, 3, None)]
    assert [v.status for v in values] == [Status.RUNNING, Status.RUNNING, Status.FINISHED]
    assert values[0].value > values[1].value > values[2].value
    assert list(fake.epochs_trained("runs").values()) == [list(range(1, 10))] * 3
    again = Trial(plan, ("he_normal", "0.5"), fake.tools())
    assert [again.advance(epochs).value for epochs in (1, 3, None)] == [v.value for v in values]
    assert list(fake.epochs_trained("runs").values()) == [list(range(1, 10))] * 3


def test_a_finished_trial_stays_finished_when_the_search_begins_it_again(plan):
    """Tune's memory can be a second old when the driver is killed; ASHA may even want to stop the trial."""
    trial = Trial(plan, ("he_normal", "0.5"), fake.tools())
    first = trial.advance(1)
    last = trial.advance(None)
    assert trial.advance(1).value == first.value
    assert load(plan.folder) == {last.line: last}


def test_runs_that_another_sweep_finished_are_compared_at_the_rung_and_valued_at_their_end(plan):
    trial = Trial(plan, ("he_normal", "0.5"), fake.tools())
    for seed in range(3):
        fake.train(trial.config(seed, None))
    at_rung, at_end = trial.advance(1), trial.advance(None)
    assert at_rung.status is Status.RUNNING
    assert at_rung.value > at_end.value
    assert at_end.value == pytest.approx(
        sum(fake.error_after(trial.config(s, None), 9) for s in range(3)) / 3
    )


def test_a_run_that_is_ahead_of_the_rung_is_not_trained(plan):
    """Tune may begin a trial again whose runs were killed further on."""
    trial = Trial(plan, ("he_normal", "0.5"), fake.tools())
    first = trial.advance(1)
    trial.advance(3)
    for seed in range(3):
        (folder,) = find_folders(trial.config(seed, None))
        RunRecord.load(folder).with_(status=Status.RUNNING).save(folder)
    assert trial.advance(1).value == first.value
    assert list(fake.epochs_trained("runs").values()) == [[1, 2, 3]] * 3


@pytest.mark.parametrize(
    ("initializer", "says", "repeatable"),
    [("explode", "RuntimeError: the network exploded", True), ("diverge", "the loss was NaN", False)],
)
def test_a_failing_trial_is_kept_with_its_reason(plan, initializer, says, repeatable):
    outcome = Trial(plan, (initializer, "0.5"), fake.tools()).advance(None)
    assert outcome.status is Status.FAILED
    assert outcome.value is None
    assert says in outcome.reason
    assert len(outcome.replicates) == 3
    assert outcome.repeatable is repeatable
    assert load(plan.folder)[outcome.line] == outcome


def test_one_failing_seed_fails_the_trial_and_the_others_are_published(plan):
    def train(config):
        if config["seed"] == 1:
            raise MemoryError("no room")
        return fake.train(config)

    outcome = Trial(plan, ("he_normal", "0.5"), replace(fake.tools(), train=train)).advance(None)
    assert outcome.status is Status.FAILED
    assert outcome.value is None
    assert "1 of 3 seeds failed; seed 1" in outcome.reason
    assert [r.status for r in outcome.replicates] == ["finished", "failed", "finished"]


def test_a_metric_that_is_not_logged_is_said(plan_of):
    plan = plan_of("initializer=he_normal,zeros", "metric=validation/nothing", "name=t")
    outcome = Trial(plan, ("he_normal",), fake.tools()).advance(None)
    assert "logged no validation/nothing" in outcome.reason


def test_an_asked_for_end_is_no_failure(plan):
    def train(config):
        raise Interrupted(15)

    with pytest.raises(Interrupted):
        Trial(plan, ("he_normal", "0.5"), replace(fake.tools(), train=train)).advance(None)
    (outcome,) = load(plan.folder).values()
    assert outcome.status is Status.RUNNING


def test_mlflow_gets_sweep_configuration_and_seed(plan):
    config = Trial(plan, ("he_normal", "0.5"), fake.tools()).config(2, None)
    line = "initializer=he_normal tricks.dropout.p=0.5"
    assert config["runtime"]["groups"] == ["sweep:t", f"configuration:{line}"]
    assert config["runtime"]["tags"] == {"sweep": "t", "configuration": line}
    assert config["tracking"]["follow"] is False
    assert config["runtime"]["progress"] is False


def test_a_damaged_trial_file_is_named(plan):
    Trial(plan, ("he_normal", "0.5"), fake.tools()).advance(None)
    (path,) = (plan.folder / "trials").glob("*.json")
    path.write_text("{}")
    with pytest.raises(ConfigError, match=path.name):
        load(plan.folder)
