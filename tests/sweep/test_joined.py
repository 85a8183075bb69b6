"""A sweep on a Ray cluster that runs already: a head in a process of its own, which asks for its token."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HEAD = """
import ray, sys
ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=128 << 20)
print("head at", ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
SWEEP = [
    "network=linear",
    "data=digits",
    "trainer.max_epochs=2",
    "optimizer.lr=0.001,0.01",
    "seeds=2",
    "tracking=none",
]


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """The address of a cluster of one node, and an environment that holds its token."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(secrets.token_hex(32))
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("RAY_AUTH_TOKEN", None)
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = iter(process.stdout.readline, "")
    address = next(line for line in lines if line.startswith("head at")).split()[-1]
    yield address, environment
    process.stdin.close()
    process.wait(60)


def sweep(folder: Path, environment, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "podium", "sweep", *SWEEP, "name=two", *words]
    folder.mkdir(exist_ok=True)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_sweep_in_a_running_cluster_gives_the_table_of_one_machine(head, tmp_path):
    address, environment = head
    there = sweep(tmp_path / "there", environment | {"RAY_ADDRESS": address}, "cluster=ray")
    assert there.returncode == 0, there.stdout + there.stderr
    assert "2 finished" in there.stdout
    here = sweep(tmp_path / "here", dict(os.environ), "cluster=local")
    assert here.returncode == 0, here.stdout + here.stderr
    tables = [(tmp_path / name / "sweeps" / "two" / "table.csv").read_text() for name in ("there", "here")]
    assert tables[0] == tables[1]
    nodes = list((tmp_path / "there").glob(".podium-*"))
    assert not nodes, "the mark that nodes look for was left"


def test_a_wrong_token_does_not_open_the_cluster(head, tmp_path):
    address, environment = head
    wrong = tmp_path / "wrong"
    wrong.write_text(secrets.token_hex(32))
    closed = environment | {"RAY_ADDRESS": address, "RAY_AUTH_TOKEN_PATH": str(wrong)}
    done = sweep(tmp_path, closed, "cluster=ray")
    assert done.returncode == 2
    assert "opens to this token" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "runs").exists()
