"""A population with Ray: killed and begun again; and with real training, whose winner is trained again from the start."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections import Counter

import pytest

from podium.records.record import RunRecord, Status
from podium.run.assemble import compose
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.plan import make_plan, rungs
from podium.sweep.population import JOURNAL, Population
from podium.sweep.trial import load

from . import fake
from .driver import population_carried_out
from .driving import drive

SPACE = [
    "initializer=he_normal",
    "tricks.dropout.p=interval(0,0.8)",
    "optimizer.lr=tag(log,interval(1e-3,1))",
]
PBT = ["search=pbt", "search.population=4", "search.every_epochs=3", "search.quantile=0.5", "seeds=2"]


def journal(plan):
    """What was decided, generation by generation."""
    events = [json.loads(line) for line in (plan.folder / JOURNAL).read_text().splitlines()]
    return [event for event in events if "generation" in event]


@pytest.mark.timeout(900)  # Ray starts processes, which a busy machine is slow to do
@pytest.mark.usefixtures("ray_workers")
def test_workers_train_generation_after_generation_a_failing_member_is_replaced_and_nothing_is_trained_twice(
    plan_of,
):
    plan = plan_of(*SPACE, *PBT, "fake.explodes_above=0.6", "name=p")
    explode = [point for point in plan.points() if float(point[0]) > 0.6]
    assert 1 <= len(explode) < 4
    tools = fake.tools()
    result = carry_out_sweep(plan, tools, check_configurations(plan, tools)[0])
    assert result.complete
    statuses = Counter(row.outcome.status for row in result.rows)
    assert statuses[Status.FINISHED] == 4
    failed = [tuple(row.outcome.point) for row in result.rows if row.outcome.status is Status.FAILED]
    assert set(explode) <= set(failed)
    assert "the network exploded" in result.rows[-1].outcome.reason
    trained = fake.epochs_trained("runs")
    assert carry_out_sweep(plan, tools, {}).complete
    assert fake.epochs_trained("runs") == trained


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kill_9_of_the_driver_gives_the_population_of_one_that_never_ended(plan_of, tmp_path, wait_until):
    arguments = [*SPACE, *PBT, "fake.sleep=0.1", "cluster.cpus=2", "name=killed"]
    whole, _ = population_carried_out(plan_of(*SPACE, *PBT, "name=never", "paths.runs=never"))
    plan = plan_of(*arguments)
    process, path = drive(arguments, tmp_path), plan.folder / JOURNAL
    wait_until(lambda: path.exists() and path.read_bytes().count(b"told") >= 6, timeout_s=300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = journal(plan)
    assert 1 <= len(before) < 3
    assert drive(arguments, tmp_path).wait(timeout=600) == 0
    assert journal(plan)[: len(before)] == before
    again = Population(plan, stops=rungs(plan.search, 9), begin=lambda *_: None)
    assert again.generations == whole.generations
    assert again.told == whole.told
    outcomes = load(plan.folder).values()
    assert {tuple(o.point) for o in outcomes if o.status is Status.STOPPED} == whole.stopped()
    assert {o.status for o in outcomes} == {Status.STOPPED, Status.FINISHED}
    assert sum(map(len, fake.epochs_trained("runs").values())) == 4 * 9 * 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_line_of_real_training_is_pasted_and_trained_from_the_start_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [
        "network=dense32", "tracking=none", "tricks=[dropout]", "optimizer=momentum", "schedule=cosine",
        "optimizer.lr=tag(log,interval(1e-3,1))", "tricks.dropout.p=interval(0,0.6)", "search=pbt", "search.population=4",
        "search.every_epochs=1", "search.quantile=0.5", "seeds=2", "trainer.max_epochs=4", "cluster.cpus=2", "name=real",
    ]  # fmt: skip

    def podium(*words):
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(
            [sys.executable, "-m", "podium", *words],
            cwd=tmp_path,
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )

    swept = podium("sweep", *arguments)
    assert swept.returncode == 0, swept.stderr
    plan = make_plan(arguments, compose)
    document = json.loads((plan.folder / "sweep.json").read_text())
    assert document["complete"]
    assert document["command"] == plan.command(tuple(document["trials"][0]["point"]))
    best = next(trial for trial in document["trials"] if trial["rank"] and trial["point"][-1])
    line = plan.command(tuple(best["point"]))
    assert "trainer.changes={" in line
    records = [RunRecord.load(path.parent) for path in (tmp_path / "runs").glob("*/record.json")]
    trained = sum(len(r.history["validation/top1_error"]) - r.epochs_copied for r in records)
    assert trained == 4 * 4 * 2
    for replicate in best["replicates"][-1:]:
        words = shlex.split(line)[1:]
        again = podium(*words, f"seed={replicate['seed']}", "paths.runs=elsewhere")
        assert again.returncode == 0, again.stderr
        (alone,) = [
            record
            for path in (tmp_path / "elsewhere").glob("*/record.json")
            if (record := RunRecord.load(path.parent)).seed == replicate["seed"]
        ]
        assert alone.metrics["validation/top1_error"] == replicate["value"]
        (ours,) = [r for r in records if (r.entry_hash, r.seed) == (alone.entry_hash, alone.seed)]
        assert ours.epochs_copied > 0
        assert (ours.metrics, ours.history) == (alone.metrics, alone.history)
        for name in ("network.safetensors", "predictions.npz"):
            assert ours.files[name] == alone.files[name]
