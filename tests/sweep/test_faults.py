"""What can go wrong with a trial, and each protection switched off."""

import errno
import os
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from podium.records.record import RunRecord, Status
from podium.run.errors import ConfigError
from podium.sweep import tuning
from podium.sweep.command import carry_out_sweep, check_configurations, settle
from podium.sweep.trial import load

from . import fake
from .driving import drive

HEALTHY = ("he_normal", "glorot_normal")


def base_of(plan):
    return check_configurations(plan, fake.tools())[0]


def by_initializer(plan):
    return {outcome.point[0]: outcome for outcome in load(plan.folder).values()}


def run_statuses():
    return Counter(RunRecord.load(path.parent).status for path in Path("runs").glob("*/record.json"))


def assert_healthy_once(names=HEALTHY, seeds=2):
    trained = fake.epochs_trained("runs")
    assert sum(epochs == list(range(1, 10)) for epochs in trained.values()) == seeds * len(names)
    assert all(len(epochs) == len(set(epochs)) for epochs in trained.values())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("ray_workers")
def test_faulty_trials_fail_with_their_reason_and_bounded_attempts_and_healthy_ones_finish(plan_of):
    plan = plan_of(
        f"initializer={','.join(HEALTHY)},{','.join(fake.FAULTS)}", "tricks.dropout.p=0.3", "seeds=2",
        "budget.trial_s=8", "name=faults",
    )  # fmt: skip
    carried = tuning.carry_out(plan, {}, fake.tools(), base_of(plan))
    left = {outcome.point[0] for outcome in load(plan.folder).values() if outcome.status is Status.RUNNING}
    assert left == {"killed", "hangs"}
    assert run_statuses()[Status.RUNNING] == 2
    settle(plan, fake.tools(), carried.lost, stopped=carried.stopped, ended=carried.ended)
    outcomes = by_initializer(plan)
    finished = {name for name, outcome in outcomes.items() if outcome.status is Status.FINISHED}
    assert finished == {*HEALTHY, "killed_once", "hangs_once"}
    assert {outcome.status for outcome in outcomes.values()} == {Status.FINISHED, Status.FAILED}
    reasons = {
        "explode": "RuntimeError: the network exploded",
        "memory": "MemoryError: Unable to allocate",
        "cuda_memory": "OutOfMemoryError: CUDA out of memory",
        "killed": "its worker process ended",
        "hangs": "it took longer than budget.trial_s=8",
    }
    assert all(says in outcomes[name].reason for name, says in reasons.items())
    attempts = fake.attempts("runs")
    assert {attempts[f"{name}-s0"] for name in ("killed", "hangs")} == {1 + tuning.WORKER_FAILURES}
    assert {attempts[f"{name}-s0"] for name in ("explode", "memory", "cuda_memory")} == {1}
    assert {attempts[f"{name}-s0"] for name in ("killed_once", "hangs_once")} == {2}
    assert_healthy_once((*HEALTHY, "killed_once", "hangs_once"))
    assert run_statuses() == {Status.FINISHED: 8, Status.INTERRUPTED: 2}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("ray_workers")
def test_without_another_attempt_a_worker_that_died_once_is_a_failure(plan_of, monkeypatch):
    plan = plan_of("initializer=he_normal,killed_once", "seeds=1", "name=once")
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "WORKER_FAILURES", 0)
        carry_out_sweep(plan, fake.tools(), base_of(plan))
    assert by_initializer(plan)["killed_once"].status is Status.FAILED
    result = carry_out_sweep(plan, fake.tools(), base_of(plan))
    assert [row.outcome.status for row in result.rows] == [Status.FINISHED] * 2
    assert_healthy_once(("he_normal", "killed_once"), seeds=1)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 256 KiB, most of which is taken."""
    folder = tmp_path / "sweeps"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on_when_there_is_room(
    plan_of, small_disk, tmp_path
):
    arguments = [
        "initializer=he_normal,glorot_normal", "tricks.dropout.p=interval(0,0.8)", "search=asha", "search.trials=8",
        "seeds=2", "cluster.cpus=2", "name=full",
    ]  # fmt: skip
    plan_of(*arguments).claim()
    ballast, free = small_disk / "ballast", os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 20 * 1024))
    with (tmp_path / "said.txt").open("w") as said:
        assert drive(arguments, tmp_path, stderr=said).wait(timeout=600) == 1
    last = (tmp_path / "said.txt").read_text().splitlines()[-1]
    assert "ConfigError: " in last
    assert "sweeps/full must be on a disk with room, got 'No space left on device'" in last
    ballast.unlink()
    assert drive(arguments, tmp_path).wait(timeout=600) == 0
    outcomes = load(small_disk / "full")
    assert len(outcomes) == 8
    assert {outcome.status for outcome in outcomes.values()} <= {Status.FINISHED, Status.STOPPED}
    trained = fake.epochs_trained("runs")
    assert all(epochs == list(range(1, len(epochs) + 1)) for epochs in trained.values())
    assert set(run_statuses()) <= {Status.FINISHED, Status.STOPPED}


def test_no_room_is_one_line_and_another_error_of_the_disk_is_not_swallowed(plan_of, monkeypatch):
    plan = plan_of("initializer=he_normal,zeros", "name=full")
    for number, expected in ((errno.ENOSPC, ConfigError), (errno.EDQUOT, ConfigError), (errno.EIO, OSError)):

        def fails(*arguments, number=number, **named):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(tuning, "carry_out", fails)
        with pytest.raises(expected) as caught:
            carry_out_sweep(plan, fake.tools(), {})
        assert "\n" not in str(caught.value)


def test_a_run_without_room_fails_its_trial_alone(plan_of):
    from podium.sweep.trial import Trial

    plan = plan_of("initializer=he_normal,zeros", "seeds=2", "name=full")

    def train(config):
        if config["seed"] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return fake.train(config)

    outcome = Trial(plan, ("zeros",), replace(fake.tools(), train=train)).advance(None)
    assert outcome.status is Status.FAILED
    assert outcome.repeatable
    assert "No space left" in outcome.reason
    assert Trial(plan, ("zeros",), fake.tools()).advance(None).status is Status.FINISHED
