"""Sweeps on a cluster that runs already: two nodes, of which one is lost, recalled, or unfit."""

import hashlib
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from podium.records.record import RunRecord, Status
from podium.sweep.trial import load

from . import fake
from .driving import drive

pytestmark = [pytest.mark.dist, pytest.mark.timeout(900)]

REAL = [
    "network=linear",
    "data=digits",
    "trainer.max_epochs=1",
    "initializer=he_normal,glorot_normal,lecun_normal,orthogonal",
    "optimizer.lr=0.001,0.002,0.005,0.01,0.02,0.05",
    "seeds=1",
    "tracking=none",
    "name=many",
]
FAKE = [
    "initializer=he_normal,glorot_normal,zeros,explode",
    "tricks.dropout.p=0.1,0.2,0.3,0.4,0.5,0.6",
    "fake.sleep=0.05",
    "seeds=2",
    "name=lost",
]
NO_RETRIES = "tuning.WORKER_FAILURES = 0"
JOIN = """
import sys
from podium.run.errors import ConfigError
from podium.sweep.rays import joined_ray
try:
    with joined_ray(sys.argv[1]):
        print("joined")
except ConfigError as error:
    print(error)
"""


@pytest.fixture
def two(nodes):
    """Two nodes that live."""
    if 2 not in nodes.running:
        nodes.start(2)
    return nodes


def test_24_trials_on_two_nodes_give_the_records_of_one_machine_to_the_bit(two, tmp_path):
    there = sweep(two, tmp_path / "there", "cluster=ray", f"cluster.address={two.address}")
    here = sweep(two, tmp_path / "here", "cluster=local", "cluster.cpus=2", "pack=off")
    for done in (there, here):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "24 finished" in done.stdout
    assert places(tmp_path / "there", two) == {two.ip(1), two.ip(2)}
    results = [tmp_path / name / "sweeps" / "many" for name in ("there", "here")]
    for name in ("table.csv", "table.md"):
        assert (results[0] / name).read_bytes() == (results[1] / name).read_bytes()
    runs = bits(tmp_path / "there" / "runs")
    assert len(runs) == 24
    assert runs == bits(tmp_path / "here" / "runs")
    assert not list((tmp_path / "there").glob(".podium-*")), "the mark that nodes look for was left"


KEEPS_NOTES = """
import contextlib, os, sys
from podium.cli import main
from podium.sweep import tuning
tuning.TemporaryDirectory = lambda **named: contextlib.nullcontext(os.path.abspath("notes"))
main(sys.argv[1:])
"""


def sweep(nodes, folder, *words):
    folder.mkdir()
    command = [sys.executable, "-c", KEEPS_NOTES, "sweep", *REAL, *words]
    return subprocess.run(
        command, cwd=folder, env=nodes.environment, capture_output=True, text=True, check=False
    )


def places(folder, nodes):
    """The addresses of the nodes that had trials, by Tune's own notes."""
    (state,) = (folder / "notes").glob("*/experiment_state-*.json")
    return {
        nodes.ip(number) for number in (1, 2) if f'node_ip\\": \\"{nodes.ip(number)}\\"' in state.read_text()
    }


def bits(runs):
    """All that a run is worth: what was logged in every epoch, the scores, the trained weights."""
    return {
        folder.name: (
            RunRecord.load(folder).status,
            RunRecord.load(folder).metrics,
            RunRecord.load(folder).history,
            hashlib.sha256((folder / "network.safetensors").read_bytes()).hexdigest(),
        )
        for folder in sorted(runs.iterdir())
        if folder.is_dir()
    }


@pytest.mark.parametrize("protected", [True, False])
def test_a_node_killed_in_mid_sweep_costs_nothing_but_its_unfinished_epochs(
    protected, two, plan_of, tmp_path, wait_until
):
    arguments = [*FAKE, "cluster=ray", f"cluster.address={two.address}"]
    plan = plan_of(*arguments)
    driver = drive(arguments, tmp_path, two.environment, first="" if protected else NO_RETRIES)
    wait_until(lambda: len(load(plan.folder)) >= 6, timeout_s=300)
    two.kill(2)
    assert driver.wait(300) == 0
    outcomes = load(plan.folder)
    lost = [one for one in outcomes.values() if (one.reason or "").startswith("its worker process ended")]
    assert len(lost) == (0 if protected else 1)
    if not protected:
        assert drive(arguments, tmp_path, two.environment).wait(300) == 0
    check_whole(load(plan.folder))


def test_a_node_that_is_recalled_counts_as_no_failure(two, plan_of, tmp_path, wait_until):
    arguments = [*FAKE, "cluster=ray", f"cluster.address={two.address}"]
    plan = plan_of(*arguments)
    recaller = two.recaller(2, deadline_s=1)
    driver = drive(arguments, tmp_path, two.environment, first=NO_RETRIES)
    wait_until(lambda: len(load(plan.folder)) >= 6, timeout_s=300)
    recaller.communicate(b"now\n")
    assert recaller.returncode == 0
    time.sleep(1.5)  # to die before the deadline is no preemption, for Ray
    assert len(load(plan.folder)) < 24, "the sweep was over before the node was taken"
    two.kill(2)
    assert driver.wait(300) == 0
    check_whole(load(plan.folder))


def test_the_head_lost_and_back_costs_the_same_command_once_more(two, plan_of, tmp_path, wait_until):
    arguments = [*FAKE, "cluster=ray", f"cluster.address={two.address}"]
    plan = plan_of(*arguments)
    patience = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}  # Ray's own is a minute
    driver = drive(arguments, tmp_path, two.environment | patience)
    wait_until(lambda: len(load(plan.folder)) >= 6, timeout_s=300)
    two.kill(1)
    assert driver.wait(300) != 0
    assert len(load(plan.folder)) < 24
    two.kill(2)
    two.start(1)
    assert drive(arguments, tmp_path, two.environment).wait(300) == 0
    check_whole(load(plan.folder))


def check_whole(outcomes):
    """Every trial once, none stuck, no epoch trained twice; those fail that fail everywhere."""
    assert Counter(one.status for one in outcomes.values()) == {Status.FINISHED: 18, Status.FAILED: 6}
    assert {one.point[0] for one in outcomes.values() if one.status is Status.FAILED} == {"explode"}
    trained = fake.epochs_trained("runs")
    assert len(trained) == 36
    assert all(epochs == list(range(1, 10)) for epochs in trained.values())
    assert {RunRecord.load(Path("runs") / name).status for name in trained} == {Status.FINISHED}


def test_a_node_with_another_package_is_named_before_anything_is_trained(nodes, tmp_path):
    other = tmp_path / "packages" / "optuna-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: optuna\nVersion: 0.0.1\n")
    nodes.start(3, pythonpath=str(other.parent))
    try:
        said = join(nodes, tmp_path)
    finally:
        nodes.kill(3)
    assert said.startswith(f"node {nodes.ip(3)} ")
    assert "must have the same packages, got optuna 0.0.1 for" in said
    assert said.count("\n") == 1


def test_a_wrong_token_does_not_open_the_cluster(nodes, tmp_path):
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    said = join(nodes, tmp_path, RAY_AUTH_TOKEN_PATH=str(wrong))
    assert "opens to this token" in said
    assert said.count("\n") == 1


def join(nodes, folder, **variables):
    """What a process is told that joins the cluster."""
    return subprocess.run(
        [sys.executable, "-c", JOIN, nodes.address],
        cwd=folder,
        env=nodes.environment | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
