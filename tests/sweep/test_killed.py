"""The driver of a sweep is ended by kill -9, and the same command goes on."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from podium.records.record import RunRecord, Status
from podium.sweep.trial import load

from . import fake
from .driver import carried_out
from .driving import drive, workers_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MOMENTS = 10
GRID = [
    "initializer=he_normal,glorot_normal,zeros", f"tricks.dropout.p={','.join(str(k / 20) for k in range(10))}",
    "fake.sleep=0.15", "seeds=2", "name=killed", "cluster.cpus=2",
]  # fmt: skip
SLOWLY = [word.replace("0.15", "1") for word in GRID]  # workers live on for a moment
FORGETS = "fake.find, fake.train = (lambda config: None), fake.train_anew"


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def trainers_in(folder):
    """The processes that train there; Ray's agents take a minute to see that nobody needs them."""
    return [
        process for process in workers_of(folder) if "Trainable" in " ".join(process.info["cmdline"] or [])
    ]


def finished_of(plan):
    return {line: o for line, o in load(plan.folder).items() if o.status is Status.FINISHED}


def killed_at_random(moments, plan, folder, wait_until, *, seed):
    """Kill the driver so often: some seconds after it was begun, or a moment after it trained something.

    Gives the trials that are over once no worker is left, and whether a run was under way when the driver died: its
    workers may live long enough to end it.
    """
    moment = random.Random(seed)
    for number in range(moments):
        driver, before = drive(GRID, folder), epochs_made()
        if number % 3 == 1:
            time.sleep(moment.uniform(0, 6))
        else:
            wait_until(lambda before=before: epochs_made() > before, timeout_s=300)
            time.sleep(moment.uniform(0, 1))
        kill(driver)
        under_way = any(len(epochs) < 9 for epochs in fake.epochs_trained("runs").values())
        wait_until(lambda: not trainers_in(folder), timeout_s=300)
        yield finished_of(plan), under_way


def epochs_made():
    return sum(map(len, fake.epochs_trained("runs").values()))


def trained_twice():
    return [name for name, epochs in fake.epochs_trained("runs").items() if len(epochs) > len(set(epochs))]


def test_killed_at_ten_random_moments_every_trial_is_made_once(plan_of, tmp_path, wait_until):
    plan, before, broken_off = plan_of(*GRID), {}, 0
    for finished, under_way in killed_at_random(MOMENTS, plan, tmp_path, wait_until, seed=5):
        assert before.items() <= finished.items(), "a trial that had finished was made again"
        before = finished
        broken_off += under_way
    assert broken_off >= 5
    assert len(before) < 30
    assert drive(GRID, tmp_path).wait(timeout=900) == 0
    outcomes = load(plan.folder)
    assert len(outcomes) == 30
    assert {o.status for o in outcomes.values()} == {Status.FINISHED}
    assert before.items() <= outcomes.items()
    assert not trained_twice()
    records = [RunRecord.load(path.parent) for path in tmp_path.glob("runs/*/record.json")]
    assert len(records) == 60
    assert {record.status for record in records} == {Status.FINISHED}
    steps = list(range(1, 10))
    assert all([step for step, _ in record.history[fake.METRIC]] == steps for record in records)


def test_a_sweep_that_forgets_its_runs_would_be_found_out(plan_of, tmp_path, wait_until):
    plan_of(*SLOWLY)
    driver = drive(SLOWLY, tmp_path, first=FORGETS)
    wait_until(lambda: epochs_made() >= 2, timeout_s=300)
    kill(driver)
    wait_until(lambda: not trainers_in(tmp_path), timeout_s=300)
    driver = drive(SLOWLY, tmp_path, first=FORGETS)
    wait_until(trained_twice, timeout_s=300)
    kill(driver)
    wait_until(lambda: not trainers_in(tmp_path), timeout_s=300)


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
    driver = drive([*arguments, "name=killed"], tmp_path)
    wait_until(lambda: len(finished_of(plan)) >= 2, timeout_s=300)
    kill(driver)
    before = finished_of(plan)
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


REAL = [
    "network=linear", "data=digits", "trainer.max_epochs=20", "initializer=he_normal,glorot_normal,lecun_normal", "seeds=2",
    "cluster.cpus=2", "name=tracked",
]  # fmt: skip


@pytest.mark.parametrize("pack", ["off", "auto"])
def test_mlflow_has_every_run_of_a_killed_sweep_once_and_none_is_left_running(pack, tmp_path, wait_until):
    from podium.records.store import MlflowClient
    from records.folders import Seen

    command = [sys.executable, "-m", "podium", "sweep", *REAL, f"pack={pack}"]
    sweep = subprocess.Popen(command, cwd=tmp_path)
    wait_until(lambda: len(list(tmp_path.glob("runs/*/record.json"))) >= 3, timeout_s=300)
    kill(sweep)
    statuses = Counter(RunRecord.load(path.parent).status for path in tmp_path.glob("runs/*/record.json"))
    assert statuses[Status.RUNNING], "it was killed between two runs"
    subprocess.run(command, cwd=tmp_path, check=True)
    seen = Seen(MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/runs/mlflow.db"))

    def statuses_there():
        return {run.info.status for run in (*seen.runs().values(), *seen.groups().values())}

    wait_until(lambda: statuses_there() == {"FINISHED"}, timeout_s=120)  # groups are closed after their runs
    runs, groups = seen.runs(), seen.groups()
    assert sorted(run.data.tags["podium.seed"] for run in runs.values()) == ["0"] * 3 + ["1"] * 3
    assert (
        len({(run.data.tags["podium.entry_hash"], run.data.tags["podium.seed"]) for run in runs.values()})
        == 6
    )
    assert len(groups) == 4
    for run in runs.values():
        points = seen.steps(run, "validation/top1_error")
        assert len(points) == 20
        assert set(points.values()) == {1}
