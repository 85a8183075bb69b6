import signal
from collections import Counter

import pytest

from podium.records.record import RunRecord, Status
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.trial import load

from . import fake
from .driver import carried_out
from .driving import drive, workers_of


def carry_out(plan):
    tools = fake.tools()
    return carry_out_sweep(plan, tools, check_configurations(plan, tools)[0])


@pytest.mark.timeout(900)  # Ray starts processes, which a busy machine is slow to do
@pytest.mark.usefixtures("ray_workers")
def test_a_grid_is_carried_out_in_workers_failures_are_kept_and_nothing_is_made_twice(plan_of):
    plan = plan_of(
        "initializer=he_normal,explode,diverge", "tricks.dropout.p=0.1,0.3", "seeds=2", "name=grid"
    )
    result = carry_out(plan)
    assert Counter(row.outcome.status for row in result.rows) == {Status.FINISHED: 2, Status.FAILED: 4}
    assert result.complete
    before = fake.epochs_trained("runs")
    assert len(before) == 4
    again = carry_out(plan)
    assert fake.epochs_trained("runs") == before
    assert [row.outcome.line for row in again.rows] == [row.outcome.line for row in result.rows]


@pytest.mark.timeout(900)  # Ray starts processes, which a busy machine is slow to do
@pytest.mark.usefixtures("ray_workers")
def test_asha_stops_the_worse_early_as_stopped_and_not_failed(plan_of):
    plan = plan_of(
        "initializer=he_normal,zeros", "tricks.dropout.p=interval(0,0.8)", "search=asha", "search.trials=9",
        "seeds=2", "name=asha",
    )  # fmt: skip
    result = carry_out(plan)
    statuses = Counter(row.outcome.status for row in result.rows)
    assert statuses[Status.STOPPED] >= 3
    assert statuses[Status.FAILED] == 0
    assert statuses[Status.STOPPED] + statuses[Status.FINISHED] == 9
    assert result.best.outcome.line.startswith("initializer=he_normal")
    for row in result.rows:
        if row.outcome.status is Status.STOPPED:
            configs = [fake.compose(plan.run_overrides(tuple(row.outcome.point), seed)) for seed in range(2)]
            assert [fake.find(config).status for config in configs] == ["stopped"] * 2
    trained = fake.epochs_trained("runs")
    assert all(epochs == list(range(1, len(epochs) + 1)) for epochs in trained.values())
    carry_out(plan)
    assert fake.epochs_trained("runs") == trained


@pytest.mark.slow
@pytest.mark.timeout(900)  # Ray starts processes, which a busy machine is slow to do
@pytest.mark.usefixtures("ray_workers")
def test_optuna_learns_from_the_means_and_survives_failures(plan_of):
    plan = plan_of(
        "initializer=he_normal,zeros,diverge", "tricks.dropout.p=interval(0,0.8)", "search=optuna",
        "search.trials=24",
        "search.startup_trials=6", "seeds=1", "cluster.cpus=1", "name=optuna",
    )  # fmt: skip
    result = carry_out(plan)
    assert len(result.rows) == 24
    late = [row.outcome.point[0] for row in sorted(result.rows, key=lambda row: row.number)[12:]]
    assert late.count("he_normal") > len(late) / 2
    assert result.best.outcome.line.startswith("initializer=he_normal")


def finished_of(plan):
    return {line: o for line, o in load(plan.folder).items() if o.status is Status.FINISHED}


def kill_at(process, plan, wait_until, *, finished):
    """Kill the driver when so many trials are finished; which they are, and the epochs that were trained."""
    wait_until(lambda: len(finished_of(plan)) >= finished, timeout_s=300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return finished_of(plan), fake.epochs_trained("runs")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_9_of_the_driver_repeats_nothing_finished_and_misses_nothing(plan_of, tmp_path, wait_until):
    arguments = [
        "initializer=he_normal,glorot_normal,zeros", "tricks.dropout.p=0.1,0.2,0.3,0.4", "fake.sleep=0.05", "seeds=2",
        "name=killed", "cluster.cpus=2",
    ]  # fmt: skip
    plan = plan_of(*arguments)
    before, trained = kill_at(drive(arguments, tmp_path), plan, wait_until, finished=3)
    assert len(before) < 12
    assert drive(arguments, tmp_path).wait(timeout=600) == 0
    after = load(plan.folder)
    assert len(after) == 12
    assert all(after[line] == outcome for line, outcome in before.items())
    assert {o.status for o in after.values()} == {Status.FINISHED}
    epochs = fake.epochs_trained("runs")
    done = {name for name, list_ in trained.items() if len(list_) == 9}
    assert all(epochs[name] == trained[name] for name in done)
    wait_until(lambda: not workers_of(tmp_path), timeout_s=60)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("search", ["asha", "median", "pareto"])  # the others: test_memory.py
def test_after_kill_9_a_search_makes_the_trials_of_one_that_never_ended(
    search, plan_of, tmp_path, wait_until
):
    startup = [] if search == "asha" else ["search.startup_trials=3"]
    arguments = [
        "initializer=he_normal,glorot_normal,zeros", "tricks.dropout.p=interval(0,0.8)", "fake.sleep=0.05", "seeds=1",
        "cluster.cpus=1", f"search={search}", "search.trials=10", *startup,
    ]  # fmt: skip
    expected = {point: how for _, point, how in carried_out(plan_of(*arguments, "name=never"))}
    plan = plan_of(*arguments, "name=killed")
    before, _ = kill_at(drive([*arguments, "name=killed"], tmp_path), plan, wait_until, finished=2)
    assert len(load(plan.folder)) < 10
    assert drive([*arguments, "name=killed"], tmp_path).wait(timeout=600) == 0
    after = load(plan.folder)
    assert all(after[line] == outcome for line, outcome in before.items())
    assert {tuple(o.point): how_it_ended(o) for o in after.values()} == expected
    statuses = Counter(RunRecord.load(path.parent).status for path in tmp_path.glob("runs/*/record.json"))
    ended = list(expected.values())
    assert statuses == Counter(Status.FINISHED if how == "finished" else Status.STOPPED for how in ended)


def how_it_ended(outcome):
    return "finished" if outcome.status is Status.FINISHED else f"{outcome.status} at {outcome.epochs}"
