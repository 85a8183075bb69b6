"""Sweeps as RayJobs, with a kubectl that notes what it is asked and answers from files."""

import json
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from podium.run.errors import ConfigError
from podium.sweep import kuberay
from podium.sweep.command import sweep_command
from podium.sweep.settings import make_cluster

SWEEP = ["network=linear", "data=digits", "optimizer.lr=0.01,0.1", "name=My_sweep.1", "cluster=kuberay"]
VALUES = {
    "address": "auto", "cpus": None, "gpus_per_trial": 0.0, "manifests": "k8s/overlays/gpu/sweep",
    "max_workers": None, "deadline_hours": 24, "fixed": ["tracking=server"],
}  # fmt: skip
MODEL = """
kind: RayJob
metadata: {name: sweep, namespace: podium}
spec:
  entrypoint: podium sweep
  rayClusterSpec:
    workerGroupSpecs: [{replicas: 4, minReplicas: 0, maxReplicas: 8}]
"""
KUBECTL = """
import json, pathlib, sys
home = pathlib.Path({home!r})
words = sys.argv[1:]
with (home / "asked").open("a") as asked:
    asked.write(json.dumps(words) + "\\n")
if words[0] == "kustomize":
    print((home / "model.yaml").read_text())
elif words[0] == "create":
    (home / "created.json").write_text(sys.stdin.read())
    print("rayjob.ray.io/created")
elif words[0] == "delete":
    print("rayjob.ray.io deleted")
elif words[0] == "logs":
    print("24 finished", flush=True)
elif words[0] == "get":
    first, *rest = (home / "states").read_text().splitlines()
    (home / "states").write_text("\\n".join(rest or [first]))
    if first == "refused":
        sys.exit("Unable to connect to the server")
    print(first if first != "none" else "")
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch, capfd):
    """Says what podium sweep does, prints and asks of kubectl, when a RayJob goes through some states."""
    home = tmp_path / "kubectl-home"
    home.mkdir()
    program = home / "kubectl"
    program.write_text(f"#!{sys.executable}\n" + KUBECTL.format(home=str(home)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (home / "model.yaml").write_text(MODEL)
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kuberay, "POLL_S", 0.0)

    def run(*states, words=SWEEP, **options):
        (home / "states").write_text("\n".join(states))
        (home / "asked").unlink(missing_ok=True)
        code = sweep_command(words, **({"dry_run": False, "cancel": False} | options))
        asked = [json.loads(line) for line in (home / "asked").read_text().splitlines()]
        return code, capfd.readouterr().out, asked

    run.home = home
    return run


def state(deployment, job="", message=""):
    return json.dumps({"status": {"jobDeploymentStatus": deployment, "jobStatus": job, "message": message}})


def test_a_sweep_is_submitted_and_watched_to_its_end(cluster):
    states = [
        "none",
        state("Initializing"),
        state("Running"),
        state("Running"),
        state("Complete", "SUCCEEDED"),
    ]
    code, said, asked = cluster(*states)
    assert code == 0
    job = json.loads((cluster.home / "created.json").read_text())
    name = job["metadata"]["name"]
    assert name.startswith("sweep-my-sweep-1-")
    assert job["spec"]["entrypoint"] == (
        "podium sweep network=linear data=digits optimizer.lr=0.01,0.1 name=My_sweep.1 tracking=server cluster=ray"
    )
    assert [line for line in said.splitlines() if "watching" not in line] == [
        "rayjob.ray.io/created", f"{name}: Initializing", f"{name}: Running", "24 finished", f"{name}: Complete",
        f"{name}: SUCCEEDED",
    ]  # fmt: skip
    assert ["logs", "-f", f"job/{name}", "-n", "podium"] in asked
    assert not Path("sweeps").exists()


def test_a_sweep_that_is_there_is_watched_and_not_submitted_again(cluster):
    code, said, asked = cluster(state("Running"), state("Failed", "FAILED", "Job failed\ndue to image"))
    assert code == 1
    assert "FAILED Job failed due to image" in said
    assert "create" not in [words[0] for words in asked]


def test_a_sweep_that_is_deleted_while_it_is_watched_ends_the_watching(cluster):
    code, said, _ = cluster(state("Initializing"), state("Initializing"), "none")
    assert code == 1
    assert said.splitlines()[-1].endswith("it was deleted")


def test_ctrl_c_ends_the_watching_and_not_the_sweep(cluster, monkeypatch):
    def pressed(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(kuberay.time, "sleep", pressed)
    code, said, asked = cluster(state("Initializing"))
    assert code == 130
    assert "the sweep goes on" in said
    assert "delete" not in [words[0] for words in asked]


def test_cancel_deletes_the_job_of_this_sweep_and_no_other(cluster):
    _, said, asked = cluster("none", cancel=True)
    (deleted,) = [words for words in asked if words[0] == "delete"]
    assert deleted[1] == "rayjob"
    assert deleted[2].startswith("sweep-my-sweep-1-")
    _, _, others = cluster("none", cancel=True, words=[*SWEEP, "seeds=5"])
    assert deleted not in others
    assert "deleted" in said
    with pytest.raises(ConfigError, match="--cancel is for cluster=kuberay"):
        sweep_command([*SWEEP[:-1], "cluster=local"], dry_run=False, cancel=True)


def test_a_dry_run_prints_the_job_alone_and_submits_nothing(cluster):
    code, said, asked = cluster(
        dry_run=True, words=[*SWEEP, "cluster.max_workers=2", "cluster.deadline_hours=3", "tracking=none"]
    )
    assert code == 0
    spec = yaml.safe_load(said)["spec"]
    assert spec["activeDeadlineSeconds"] == 3 * 3600
    assert spec["rayClusterSpec"]["workerGroupSpecs"] == [{"replicas": 2, "minReplicas": 0, "maxReplicas": 2}]
    assert "tracking=none" in spec["entrypoint"]
    assert "tracking=server" not in spec["entrypoint"]
    assert "max_workers" not in spec["entrypoint"]
    assert [words[0] for words in asked] == ["kustomize"]


def test_what_is_missing_or_refused_is_one_line(cluster, monkeypatch):
    with pytest.raises(
        ConfigError, match="kubectl get must succeed, got Unable to connect to the server; see"
    ):
        cluster("refused")
    (cluster.home / "model.yaml").write_text("kind: Service")
    with pytest.raises(ConfigError, match=r"cluster\.manifests must render to one RayJob, got 0"):
        cluster("none")
    monkeypatch.setenv("PATH", str(cluster.home / "nothing"))
    with pytest.raises(ConfigError, match="needs kubectl on PATH, got none; install it, or set cluster=ray"):
        cluster("none")


@pytest.mark.parametrize(("key", "value"), [("max_workers", 0), ("deadline_hours", 0), ("manifests", 3)])
def test_values_that_no_cluster_can_have_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"cluster.{key} must be"):
        make_cluster(VALUES | {key: value})


@pytest.mark.parametrize(
    "word",
    [
        "initializer=choice(he_normal, zeros)",
        "initializer=choice(he_normal,zeros)",
        "name=$HOME`ls`",
        'a="b c"',
        "tricks=[l2,dropout]",
        "x='y'",
        "a;b&c|d>e",
    ],
)
def test_a_word_is_whole_behind_the_shells_between_here_and_the_head(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = kuberay.entrypoint(make_cluster(VALUES), [word])
    submitted = shown(["bash", "-c", line.replace("podium", shlex.join([sys.executable, "-c", ECHO]), 1)])
    again = shlex.join(["podium", *submitted])  # what `ray job submit` hands to the head's shell
    arrived = shown(["sh", "-c", again.replace("podium", shlex.join([sys.executable, "-c", ECHO]), 1)])
    assert arrived == ["sweep", word, "tracking=server", "cluster=ray"]


ECHO = "import json, sys; print(json.dumps(sys.argv[1:]))"


def shown(command):
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
