import os
import signal
from collections import Counter

import pytest

from podium.records.record import Status
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.trial import load

from . import fake
from .driving import drive


def carry_out(plan):
    tools = fake.tools()
    return carry_out_sweep(plan, tools, check_configurations(plan, tools)[0])


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


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("search", ["grid", "asha", "optuna"])
def test_kill_9_of_the_driver_repeats_nothing_finished_and_misses_nothing(
    search, plan_of, tmp_path, wait_until
):
    axes = [
        "initializer=he_normal,glorot_normal,zeros",
        "fake.sleep=0.05",
        "seeds=2",
        "name=killed",
        "cluster.cpus=2",
    ]
    if search == "grid":
        arguments = [*axes, "tricks.dropout.p=0.1,0.2,0.3,0.4"]
    else:
        arguments = [*axes, "tricks.dropout.p=interval(0,0.8)", f"search={search}", "search.trials=12"]
    plan = plan_of(*arguments)
    process = drive(arguments, tmp_path)

    def finished():
        return {line: o for line, o in load(plan.folder).items() if o.status is Status.FINISHED}

    wait_until(lambda: len(finished()) >= 3, timeout_s=120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = finished()
    trained = fake.epochs_trained("runs")
    assert len(before) < 12
    assert drive(arguments, tmp_path).wait(timeout=300) == 0
    after = load(plan.folder)
    assert len(after) >= 12
    assert all(after[line] == outcome for line, outcome in before.items())
    assert {o.status for o in after.values()} <= {Status.FINISHED, Status.STOPPED}
    epochs = fake.epochs_trained("runs")
    done = {name for name, list_ in trained.items() if len(list_) == 9}
    assert all(epochs[name] == trained[name] for name in done)
    assert all(len(list_) == len(set(list_)) or name not in done for name, list_ in epochs.items())
    wait_until(lambda: not workers_of(tmp_path), timeout_s=60)


def workers_of(folder):
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found
