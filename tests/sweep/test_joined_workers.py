"""Trials whose workers are on several nodes of a cluster: the numbers of one worker, also when a node or worker is lost."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from podium.records.record import RunRecord, Status
from podium.sweep.trial import load

from .driving import workers_of

pytestmark = [pytest.mark.dist, pytest.mark.timeout(1200)]

CLOSE = 1e-5  # of a loss: its parts are summed in another order
COMMON = ["data=digits", "runtime.accelerator=cpu", "seeds=1", "tracking=none"]
OFTEN = ["runtime.checkpoint_every_s=0.2", "runtime.flush_every_n_steps=1"]
LINEAR = [*COMMON, "network=linear", "trainer.max_epochs=6", "name=many"]
AXES = [
    "initializer=he_normal,glorot_normal,lecun_normal,orthogonal",
    "optimizer.lr=0.001,0.002,0.005,0.01,0.02,0.05",
]
DROPOUT = ["network=dense32", "tricks=[dropout]", "data.batch_size=60", "trainer.max_epochs=8"]
TOGETHER = "runtime.devices=2"
NO_RETRIES = "from podium.sweep import tuning; tuning.WORKER_FAILURES = 0"
COMMAND = "import sys; from podium.cli import main; {first}; main(sys.argv[1:])"
GROUPS = """
import json, sys, ray
from ray.util.placement_group import placement_group_table
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
states = [one["state"] for one in placement_group_table().values()]
print(json.dumps([states.count("CREATED") + states.count("PENDING"), ray.available_resources()["CPU"]]))
"""
PLACES = """
import json, os, sys, ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from podium.sweep.settings import Cluster
from podium.sweep.together import GPUS, Together, resources
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
class Trial:
    def seen(self):
        together = Together()
        return os.environ[GPUS], [(one.node, one.gpus) for one in together.places]
found = []
for workers in (2, 4):
    cluster = Cluster(address="auto", cpus=None, gpus_per_trial=workers)
    group = resources(cluster, {"threads": 0.25, "devices": workers}).to_placement_group()
    where = PlacementGroupSchedulingStrategy(group, 0)
    trial = ray.remote(Trial).options(num_cpus=0, scheduling_strategy=where).remote()
    found.append(ray.get(trial.seen.remote()))
    ray.kill(trial)
    ray.util.remove_placement_group(group)
print(json.dumps(found))
"""


@pytest.fixture
def three(nodes):
    """Three nodes that live."""
    for number in (2, 3):
        if number not in nodes.running:
            nodes.start(number, gpus=2)
    return nodes


def begin(nodes, folder, *words, first="pass", verb="sweep"):
    """A command of its own in a folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "words.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND.format(first=first), verb, *words],
            cwd=folder,
            env=nodes.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def joined(nodes):
    return ["cluster=ray", f"cluster.address={nodes.address}", TOGETHER]


def records(folder):
    return {path.parent.name: RunRecord.load(path.parent) for path in folder.glob("runs/*/record.json")}


def node_of_a_run(nodes, folder):
    """The number of a node, not the head, that trains at this moment."""
    for record in records(folder).values():
        if record.status is Status.RUNNING:
            return next(k for k in (2, 3) if nodes.ip(k) in record.tags["nodes"])
    return None


def training_node(nodes, folder, wait_until, *, finished):
    """A node, not the head, that trains when so many trials have finished: there is room for one at a time."""
    found = []

    def due():
        begun = len(list(folder.glob("sweeps/many/trials/*.json")))
        found[:] = [node_of_a_run(nodes, folder)] if begun > finished else []
        return any(found)

    wait_until(due, timeout_s=600)
    return found[0]


def test_24_trials_of_two_workers_on_two_nodes_each_survive_a_node_with_the_numbers_of_one_worker(
    three, tmp_path, wait_until
):
    there, here = tmp_path / "there", tmp_path / "here"
    driver = begin(three, there, *LINEAR, *OFTEN, *AXES, *joined(three))
    number = training_node(three, there, wait_until, finished=6)
    three.kill(number)
    assert driver.wait(600) == 0, (there / "words.log").read_text()
    assert begin(three, here, *LINEAR, *AXES, "cluster=local", "cluster.cpus=2").wait(600) == 0
    outcomes = load(there / "sweeps" / "many")
    assert Counter(one.status for one in outcomes.values()) == {Status.FINISHED: 24}
    ours, theirs = records(there), records(here)
    assert len(ours) == 24
    assert ours.keys() == theirs.keys()
    for name, record in ours.items():
        check_same(record, theirs[name])
        assert record.tags["workers"] == "2"
        first, second = record.tags["nodes"].split(", ")
        assert first != second, "both workers were on one node"
    assert sum(record.resumes for record in ours.values()) == 1, "no run was broken off"
    after = [record for record in ours.values() if three.ip(number) not in record.tags["nodes"]]
    assert 0 < len(after) <= 18
    assert not list(there.glob("runs/*/.together-*"))
    wait_until(lambda: not workers_of(there), timeout_s=60)


def check_same(one, other):
    """Each epoch once, with the losses and errors of the other."""
    assert one.status is other.status is Status.FINISHED
    assert one.entry_hash == other.entry_hash
    assert one.metrics == pytest.approx(other.metrics, abs=CLOSE)
    errors = "validation/top1_error"
    assert [step for step, _ in one.history[errors]] == [step for step, _ in other.history[errors]]
    assert len(one.history[errors]) == 6
    for name in ("validation/loss", errors):
        values = [value for _, value in one.history[name]]
        assert values == pytest.approx([value for _, value in other.history[name]], abs=CLOSE)


@pytest.mark.parametrize("recalled", [False, True], ids=["lost", "recalled"])
def test_without_retries_a_lost_node_fails_its_trial_and_a_recalled_one_does_not(
    recalled, three, tmp_path, wait_until
):
    words = [*LINEAR, *OFTEN, "initializer=he_normal,glorot_normal", "trainer.max_epochs=60", *joined(three)]
    recallers = {number: three.recaller(number, deadline_s=1) for number in (2, 3) if recalled}
    driver = begin(three, tmp_path, *words, first=NO_RETRIES)
    number = training_node(three, tmp_path, wait_until, finished=0)
    wait_until(lambda: points(tmp_path) >= 20, timeout_s=600)
    if recalled:
        recallers.pop(number).communicate(b"now\n")
        time.sleep(1.5)  # to die before the deadline is no preemption, for Ray
    three.kill(number)
    for process in recallers.values():
        process.kill()
        process.wait()
    assert driver.wait(600) == 0, (tmp_path / "words.log").read_text()
    outcomes = load(tmp_path / "sweeps" / "many").values()
    failed = [one.reason for one in outcomes if one.status is Status.FAILED]
    assert len(outcomes) == 2
    assert len(failed) == (0 if recalled else 1)
    assert all(reason.startswith("its worker process ended") for reason in failed)
    assert sum(record.resumes for record in records(tmp_path).values()) == (1 if recalled else 0)


def test_a_worker_killed_and_the_driver_killed_end_in_the_bits_of_two_workers_of_one_machine(
    three, tmp_path, wait_until
):
    there, here = tmp_path / "there", tmp_path / "here"
    words = [*COMMON, *DROPOUT, *OFTEN, "optimizer.lr=0.001,0.002", "name=broken", *joined(three)]
    driver = begin(three, there, *words)
    wait_until(lambda: points(there) >= 20, timeout_s=600)
    victim = next(one for one in workers_of(there) if one.cmdline()[0].startswith("ray::Worker"))
    victim.kill()
    wait_until(lambda: any(record.resumes for record in records(there).values()), timeout_s=600)
    wait_until(lambda: points(there) >= 60, timeout_s=600)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    wait_until(lambda: not workers_of(there), timeout_s=60)
    wait_until(lambda: said_by(three, GROUPS) == [0, 3.0], timeout_s=60)
    assert begin(three, there, *words).wait(600) == 0, (there / "words.log").read_text()
    alone = [
        "data=digits",
        "runtime.accelerator=cpu",
        "tracking=none",
        *DROPOUT,
        *OFTEN,
        "optimizer.lr=0.001",
    ]
    assert begin(three, here, *alone, TOGETHER, verb="train").wait(600) == 0, (here / "words.log").read_text()
    ((name, reference),) = records(here).items()
    broken = records(there)[name]
    assert broken.resumes == 2
    assert broken.history == reference.history
    assert bits(there / "runs" / name) == bits(here / "runs" / name)


def points(folder):
    """How far the run is that was begun first."""
    journals = sorted(folder.glob("runs/*/events.jsonl"), key=lambda path: path.parent.stat().st_ctime)
    return journals[0].read_text().count('"point"') if journals else 0


def bits(folder):
    return hashlib.sha256((folder / "network.safetensors").read_bytes()).hexdigest()


def said_by(nodes, code):
    """What a process says that joins the cluster."""
    done = subprocess.run(
        [sys.executable, "-c", code, nodes.address],
        env=nodes.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_each_worker_sees_a_gpu_of_its_own_and_the_trial_that_of_the_first(three):
    (mine, two), (first_of_four, four) = said_by(three, PLACES)
    assert len({node for node, _ in two}) == 1, "two GPUs of a node were not used together"
    assert sorted(gpus for _, gpus in two) == [["0"], ["1"]]
    assert mine == two[0][1][0]
    assert sorted(map(json.dumps, four)) == sorted(
        json.dumps([three.ip(k), [gpu]]) for k in (2, 3) for gpu in ("0", "1")
    )
    assert first_of_four == four[0][1][0]
