import json
from dataclasses import replace

import pytest

from podium.records.record import Status
from podium.sweep import budget
from podium.sweep.budget import SPENT_FILE, Ledger, epochs_of
from podium.sweep.command import carry_out_sweep, check_configurations, is_done, publish
from podium.sweep.guide import VALUE, GoOn, Next, Watch, Work
from podium.sweep.memory import Listed, Memory
from podium.sweep.trial import Trial, is_missing, load

from . import fake

AXES = ("initializer=he_normal,zeros", "tricks.dropout.p=0.1,0.2,0.3", "seeds=2")


class Bar:
    """Hears of trials that are over."""

    def at(self, count, value):
        self.count = count


class TuneTrial:
    """As much of Tune's trial as the guide looks at."""

    def __init__(self, trial_id, config):
        self.trial_id, self.config, self.status, self.last_result = trial_id, config, "RUNNING", {}
        self.temporary_state = type("State", (), {"ray_actor": f"actor of {trial_id}"})()
        self.metric_analysis, self.metric_n_steps = {"value": {"max": 0.5}}, {"value": {"5": [0.5]}}

    def get_error(self):
        return "Traceback\nActorDiedError: gone"


@pytest.fixture
def work_of():
    def made(plan, source=None):
        ledger = Ledger(plan, load(plan.folder))
        return Work(plan=plan, source=source or Listed(plan.points()), ledger=ledger, bar=Bar())

    return made


def test_epochs_are_counted_over_all_seeds_and_from_the_files_after_a_restart(plan_of):
    plan = plan_of(*AXES, "budget.epochs=20", "name=b")
    ledger = Ledger(plan, {})
    for point in plan.points()[:2]:
        trial = Trial(plan, point, fake.tools())
        assert ledger.used_up() is None
        ledger.trained(trial.line, epochs_of(trial.advance(None)))
    assert ledger.used_up() == "the budget of 20 epochs is used up: 36 were trained"
    assert Ledger(plan, load(plan.folder)).used_up() == ledger.used_up()
    ledger.trained(trial.line, 2)
    assert "36" in ledger.used_up()


def test_hours_are_added_up_over_restarts(plan_of, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    plan = plan_of(*AXES, "budget.hours=1", "name=b")
    first = Ledger(plan, {})
    now[0] += 2000
    first.save()
    assert first.used_up() is None
    assert json.loads((plan.folder / SPENT_FILE).read_text()) == {"seconds": 2000.0}
    second = Ledger(plan, {})
    now[0] += 1700
    assert second.used_up() == "the budget of 1 hours is used up"
    second.save(now=True)
    assert Ledger(plan, {}).used_up() is not None
    (plan.folder / SPENT_FILE).unlink()
    assert Ledger(plan, {}).used_up() is None


def test_no_trial_begins_when_the_budget_is_used_up_and_one_under_way_stops_at_its_rung(plan_of, work_of):
    plan = plan_of(*AXES, "search=asha", "search.trials=6", "budget.epochs=5", "name=b")
    work = work_of(plan, Memory(plan, max_epochs=9))
    with work.under_way():
        first = Next("min").suggest("a")
        trial = TuneTrial("a", first)
        result = {VALUE: 0.1, "epoch": 1, "trained": 2, "final": False}
        Watch().on_trial_result(1, [trial], trial, result)
        assert GoOn().on_trial_result(None, trial, result) == "CONTINUE"
        result = {VALUE: 0.1, "epoch": 3, "trained": 6, "final": False}
        Watch().on_trial_result(2, [trial], trial, result)
        assert GoOn().on_trial_result(None, trial, result) == "STOP"
        Next("min").on_trial_complete("a", result)
        assert Next("min").suggest("b") == "FINISHED"
    assert work.source.open() == 6
    assert work.source.stopped() == set()
    larger = Memory(replace(plan, budget=replace(plan.budget, epochs=None)), max_epochs=9)
    assert larger.ask() == (first["number"], tuple(first["point"]))


def test_without_a_budget_everything_begins(plan_of, work_of):
    plan = plan_of(*AXES, "name=b")
    work = work_of(plan)
    with work.under_way():
        work.ledger.trained("anything", 10**9)
        suggested = [Next("min").suggest(str(k)) for k in range(7)]
    assert [tuple(one["point"]) for one in suggested[:6]] == plan.points()
    assert suggested[6] == "FINISHED"


def test_no_more_trials_than_asked_for_run_at_the_same_time(plan_of, work_of):
    plan = plan_of(*AXES, "budget.concurrency=2", "name=b")
    with work_of(plan).under_way():
        guide = Next("min")
        assert guide.suggest("a") is not None
        assert guide.suggest("b") is not None
        assert guide.suggest("c") is None
        guide.on_trial_complete("a", {VALUE: 0.1, "final": True})
        assert guide.suggest("c") is not None
        guide.on_trial_complete("b", error=True)
        assert guide.suggest("d") is not None


@pytest.mark.parametrize("limit", [5.0, None], ids=["limit", "no-limit"])
def test_a_worker_whose_trial_takes_too_long_is_ended_once_for_each_attempt(
    limit, plan_of, work_of, monkeypatch
):
    now, killed = [0.0], []
    monkeypatch.setattr("podium.sweep.guide.time.monotonic", lambda: now[0])
    monkeypatch.setattr("podium.sweep.guide.ray.kill", killed.append)
    plan = plan_of(*AXES, *([f"budget.trial_s={limit}"] if limit else []), "name=b")
    work = work_of(plan)
    with work.under_way():
        trials = [TuneTrial(name, Next("min").suggest(name)) for name in ("slow", "quick")]
        for trial in trials:
            Watch().on_trial_start(0, trials, trial)
        now[0] = 4.0
        Watch().on_trial_complete(0, trials, trials[1])
        Watch().on_step_end(0, trials)
        assert killed == []
        now[0] = 6.0
        Watch().on_step_end(1, trials)
        Watch().on_step_end(2, trials)
        assert killed == (["actor of slow"] if limit else [])
        Watch().on_trial_error(3, trials, trials[0])
    says = "it took longer than budget.trial_s=5" if limit else "ActorDiedError: gone"
    assert work.lost == [(tuple(trials[0].config["point"]), says)]


def test_a_disk_that_fails_ends_the_search_and_not_the_trial(plan_of, work_of):
    class Full(Listed):
        def report(self, number, epochs, value):
            raise OSError(28, "No space left on device")

    plan = plan_of(*AXES, "name=b")
    work = work_of(plan, Full(plan.points()))
    with work.under_way():
        trial = TuneTrial("a", Next("min").suggest("a"))
        Watch().on_step_end(0, [trial])
        assert GoOn().on_trial_result(None, trial, {VALUE: 0.1, "epoch": 1}) == "STOP"
        with pytest.raises(OSError, match="No space left"):
            Watch().on_step_end(1, [trial])
    work = work_of(plan)
    with work.under_way():
        trial = TuneTrial("a", Next("min").suggest("a"))
        Next("min").on_trial_complete("a", {VALUE: float("nan"), "final": False, "full": "No space left"})
        with pytest.raises(OSError, match="No space left"):
            Watch().on_step_end(1, [trial])


def test_the_page_says_that_the_budget_ended_it_and_the_sweep_is_not_done(plan_of):
    plan = plan_of(*AXES, "budget.epochs=18", "name=b")
    plan.claim()
    Trial(plan, plan.points()[0], fake.tools()).advance(None)
    result = carry_out_sweep(plan, fake.tools(), check_configurations(plan, fake.tools())[0])
    assert not result.complete
    assert result.ended == "the budget of 18 epochs is used up: 18 were trained"
    assert "A larger budget" in (plan.folder / "index.html").read_text()
    assert not is_done(plan)
    assert [is_missing(load(plan.folder).get(plan.line(point))) for point in plan.points()] == [False] + [
        True
    ] * 5


def test_a_trial_that_the_budget_stopped_is_stopped_with_its_reason_and_not_failed(plan_of):
    from podium.sweep.command import settle

    plan = plan_of(*AXES, "search=asha", "search.trials=6", "budget.epochs=4", "name=b")
    for point in plan.points()[:2]:
        Trial(plan, point, fake.tools()).advance(1)
    settle(plan, fake.tools(), [], stopped={plan.points()[0]}, ended="the budget is used up")
    outcomes = load(plan.folder)
    assert [outcomes[plan.line(point)].reason for point in plan.points()[:2]] == [
        None,
        "the budget is used up",
    ]
    assert {outcome.status for outcome in outcomes.values()} == {Status.STOPPED}
    assert not publish(plan, left=5, ended="the budget is used up").complete


def test_what_tune_keeps_of_a_trial_that_is_over_is_forgotten(plan_of, work_of):
    work = work_of(plan_of(*AXES, "name=b"))
    with work.under_way():
        trials = [TuneTrial(name, Next("min").suggest(name)) for name in ("over", "lost", "running")]
        Watch().on_trial_complete(0, trials, trials[0])
        Watch().on_trial_error(0, trials, trials[1])
    kept = [bool(trial.metric_analysis or trial.metric_n_steps) for trial in trials]
    assert kept == [False, False, True]
