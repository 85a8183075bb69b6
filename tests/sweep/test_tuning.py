from collections import Counter

import pytest

from podium.records.record import Status
from podium.sweep.command import carry_out_sweep, check_configurations

from . import fake


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
