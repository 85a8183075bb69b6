"""What an installation on a cluster consists of: every object that the overlays render, and the pods in them."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[2]
K8S = TOP / "k8s"
OVERLAYS = ("kind", "gpu", "kueue")
LASTING = ("Deployment", "StatefulSet", "RayCluster", "RayJob")

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod that some object makes. ``lasting``: it serves until it is told to end, unlike a job's."""

    owner: str
    metadata: Object
    spec: Object
    lasting: bool
    replicas: int = 1
    injected: list[Object] = field(default_factory=list)  # containers that an operator adds

    @property
    def name(self) -> str:
        """What selectors know it by."""
        return str(self.metadata.get("labels", {}).get("app.kubernetes.io/name", ""))

    @property
    def served(self) -> list[Object]:
        """The containers of the template that run as long as the pod."""
        return list(self.spec["containers"])

    @property
    def containers(self) -> list[Object]:
        """All containers, also those that run first and those that an operator adds."""
        return [*self.spec.get("initContainers", []), *self.served, *self.injected]


def has_kubectl() -> bool:
    """Whether this machine can render."""
    return shutil.which("kubectl") is not None


@cache
def render(folder: str) -> str:
    """What kustomize makes of a folder of k8s/, as JSON, so that nobody changes it for others."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(K8S / folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.dumps(list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)))


def rendered(*folders: str) -> list[Object]:
    """The objects of some folders, rendered, fresh for each caller."""
    return [one for folder in folders for one in json.loads(render(folder))]


def installation(overlay: str) -> list[Object]:
    """All that an overlay brings: services, its cluster or queues, one sweep, and the jobs that may be asked for."""
    asked_for = ("base/restore", "base/upgrade", "base/pipeline")
    return rendered(f"overlays/{overlay}", f"overlays/{overlay}/sweep", *asked_for)


def raw() -> list[Object]:
    """The objects of k8s/base as they are written, where nothing renders them."""
    objects: list[Object] = json.loads(_written())
    return objects


@cache
def _written() -> str:
    files = [path for path in sorted((K8S / "base").rglob("*.yaml")) if path.name != "kustomization.yaml"]
    texts = [path.read_text(encoding="utf-8") for path in files]
    return json.dumps([one for text in texts for one in yaml.load_all(text, Loader=yaml.CSafeLoader)])


def kustomizations() -> list[Path]:
    """Every folder of k8s/ that kustomize reads."""
    return sorted(K8S.rglob("kustomization.yaml"))


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """The objects of some kinds."""
    return [one for one in objects if one["kind"] in kinds]


def called(one: Object) -> str:
    """Kind and name."""
    return f"{one['kind']}/{one['metadata']['name']}"


def ray_specs(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The Ray clusters, standing ones and those of sweeps."""
    for one in of_kind(objects, "RayCluster"):
        yield called(one), one["spec"]
    for one in of_kind(objects, "RayJob"):
        if one["spec"]["rayClusterSpec"]:  # empty where nothing has rendered it
            yield called(one), one["spec"]["rayClusterSpec"]


def pods(objects: list[Object]) -> list[Pod]:
    """Every pod that the objects make."""
    found = [pod for one in objects for pod in _core_pods(one)]
    for owner, spec in ray_specs(objects):
        head = spec["headGroupSpec"]["template"]
        autoscaler = [{"name": "autoscaler", **spec.get("autoscalerOptions", {})}]
        injected = autoscaler if spec.get("enableInTreeAutoscaling") else []
        found.append(Pod(f"{owner} head", head["metadata"], head["spec"], True, injected=injected))
        for group in spec["workerGroupSpecs"]:
            template = group["template"]
            owned = f"{owner} {group['groupName']}"
            found.append(Pod(owned, template["metadata"], template["spec"], True, group["maxReplicas"]))
    return found


def _core_pods(one: Object) -> Iterator[Pod]:
    spec = one.get("spec", {})
    if one["kind"] in ("Deployment", "StatefulSet"):
        template, lasting = spec["template"], True
    elif one["kind"] == "Job":
        template, lasting = spec["template"], False
    elif one["kind"] == "CronJob":
        template, lasting = spec["jobTemplate"]["spec"]["template"], False
    elif one["kind"] == "RayJob":
        template, lasting = spec["submitterPodTemplate"], False
    else:
        return
    yield Pod(called(one), template["metadata"], template["spec"], lasting, spec.get("replicas", 1))
