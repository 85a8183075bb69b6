"""A sweep as a RayJob of KubeRay: rendered from manifests, handed to kubectl, watched, and ended."""

import hashlib
import json
import re
import shlex
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import yaml

from podium.records.record import canonical_json
from podium.run.errors import ConfigError
from podium.sweep.plan import Plan
from podium.sweep.settings import KubeRay

POLL_S = 5.0
NAME_ROOM = 30  # KubeRay makes the names of pods and services from a RayJob's, which have 63 letters at most
HERE = ("cluster", "cluster.manifests", "cluster.max_workers", "cluster.deadline_hours", "cluster.fixed")
OVER = ("Complete", "Failed")
EXIT_FAILED = 1
EXIT_STOPPED = 130


def kuberay_command(
    plan: Plan, cluster: KubeRay, arguments: Sequence[str], *, dry_run: bool, cancel: bool
) -> int:
    """Submit a sweep and watch it, or watch the one that is there; or print its RayJob, or end it."""
    text = kubectl("kustomize", cluster.manifests)
    job = render(text, name=job_name(plan), entrypoint=entrypoint(cluster, arguments), cluster=cluster)
    if dry_run:
        print(yaml.safe_dump(job, sort_keys=False, width=1000), end="")
        return 0
    where = Job(name=job["metadata"]["name"], namespace=job["metadata"].get("namespace", "default"))
    if cancel:
        print(where.cancel())
        return 0
    if where.status() is None:
        print(kubectl("create", "-f", "-", given=json.dumps(job)).strip())
    print(
        f"{where.name}: watching; Ctrl-C ends the watching and not the sweep, --cancel behind this command ends the sweep"
    )
    try:
        return where.watch()
    except KeyboardInterrupt:
        print(f"{where.name}: the sweep goes on; the same command watches it again")
        return EXIT_STOPPED


def render(text: str, *, name: str, entrypoint: str, cluster: KubeRay) -> dict[str, Any]:
    """The RayJob among rendered manifests, with a sweep in it.

    Raises:
        ConfigError: the manifests have no RayJob, or several.
    """
    jobs = [one for one in yaml.safe_load_all(text) if one and one.get("kind") == "RayJob"]
    if len(jobs) != 1:
        raise ConfigError(
            f"cluster.manifests must render to one RayJob, got {len(jobs)} in {cluster.manifests}; set "
            "cluster.manifests=k8s/overlays/gpu/sweep"
        )
    (job,) = jobs
    job["metadata"]["name"] = name
    job["spec"]["entrypoint"] = entrypoint
    job["spec"]["activeDeadlineSeconds"] = cluster.deadline_hours * 3600
    if cluster.max_workers is not None:
        for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
            for key in ("replicas", "minReplicas"):
                group[key] = min(group[key], cluster.max_workers)
            group["maxReplicas"] = cluster.max_workers
    return dict(job)


def entrypoint(cluster: KubeRay, arguments: Sequence[str]) -> str:
    """The command of the sweep inside the cluster: that of the command line, joined to the cluster around it."""
    given = {_key(text) for text in arguments}
    fixed = [text for text in cluster.fixed if _key(text) not in given]
    words = [text for text in arguments if _key(text) not in HERE]
    return shlex.join(["podium", "sweep", *words, *fixed, "cluster=ray"])


def job_name(plan: Plan) -> str:
    """A sweep's name as Kubernetes takes names; the same sweep has the same."""
    slug = re.sub(r"[^a-z0-9]+", "-", plan.name.lower()).strip("-")[:NAME_ROOM].rstrip("-")
    return f"sweep-{slug}-{hashlib.sha256(canonical_json(plan.definition()).encode()).hexdigest()[:8]}"


class Job:
    """A RayJob that kubectl knows."""

    def __init__(self, *, name: str, namespace: str) -> None:
        self.name = name
        self._namespace = ("-n", namespace)

    def status(self) -> dict[str, Any] | None:
        """What KubeRay says of it; null when it is not there."""
        text = kubectl("get", "rayjob", self.name, *self._namespace, "--ignore-not-found", "-o", "json")
        return dict(json.loads(text).get("status", {})) if text.strip() else None

    def watch(self) -> int:
        """Say whenever its state changes, show what the sweep prints, and wait for its end."""
        said = ""
        while (status := self.status()) is not None:
            state = status.get("jobDeploymentStatus", "New")
            changed, said = state != said, state
            if changed:
                print(f"{self.name}: {state}", flush=True)
            if state in OVER:
                return self._ended(status)
            if changed and state == "Running":  # again after KubeRay made another cluster for it
                subprocess.run(["kubectl", "logs", "-f", f"job/{self.name}", *self._namespace], check=False)
            time.sleep(POLL_S)
        print(f"{self.name}: it was deleted")
        return EXIT_FAILED

    def cancel(self) -> str:
        """End it; its cluster goes with it, its runs stay on the volume."""
        return kubectl("delete", "rayjob", self.name, *self._namespace).strip()

    def _ended(self, status: dict[str, Any]) -> int:
        outcome = status.get("jobStatus", "")
        reason = " ".join(str(status.get("message") or status.get("reason") or "").split())
        print(f"{self.name}: {outcome} {reason}".rstrip())
        if outcome == "SUCCEEDED":
            return 0
        print(
            f"{self.name}: --cancel behind this command clears it away; then the same command goes on with the sweep"
        )
        return EXIT_FAILED


def kubectl(*words: str, given: str | None = None) -> str:
    """What kubectl answers.

    Raises:
        ConfigError: there is no kubectl, or it refuses.
    """
    try:
        done = subprocess.run(["kubectl", *words], input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ConfigError(
            "cluster=kuberay needs kubectl on PATH, got none; install it, or set cluster=ray"
        ) from None
    if done.returncode:
        reason = " ".join(done.stderr.split())[-300:]
        raise ConfigError(
            f"kubectl {words[0]} must succeed, got {reason}; see that kubectl reaches your cluster"
        )
    return done.stdout


def _key(text: str) -> str:
    return text.lstrip("+~").partition("=")[0]
