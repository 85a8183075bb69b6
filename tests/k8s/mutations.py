"""How a control of pods can be taken away: each is one edit that its policy must notice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import policy_cluster as cluster
import policy_network as network
import policy_pods as per_pod
from installation import Object, called, of_kind, pods
from policy_pods import Control

REMOVED = object()


@dataclass(frozen=True)
class Mutation:
    """One edit of one place, and the control that must object. ``value`` REMOVED takes the key away."""

    control: Control
    where: str
    holder: Any
    key: Any
    value: Any

    def found(self, objects: list[Object]) -> list[str]:
        """What the control says while the edit is in place; afterwards everything is as before."""
        is_list = isinstance(self.holder, list)
        absent = not is_list and self.key not in self.holder
        before = None if absent else self.holder[self.key]
        if self.value is REMOVED:
            del self.holder[self.key]
        else:
            self.holder[self.key] = self.value
        try:
            return self.control(objects)
        finally:
            if absent:
                del self.holder[self.key]
            elif is_list and self.value is REMOVED:
                self.holder.insert(self.key, before)
            else:
                self.holder[self.key] = before


def of_pods(objects: list[Object]) -> Iterator[Mutation]:
    """Each pod loses each of its own controls."""
    for pod in pods(objects):
        spec, context = pod.spec, pod.spec["securityContext"]

        def edit(
            control: Control, holder: Any, key: Any, value: Any = REMOVED, where: str = pod.owner
        ) -> Mutation:
            return Mutation(control, where, holder, key, value)

        yield edit(per_pod.runs_as_someone, context, "runAsNonRoot")
        yield edit(per_pod.runs_as_someone, context, "runAsNonRoot", False)
        yield edit(per_pod.runs_as_someone, context, "runAsUser", 0)
        yield edit(per_pod.seccomp, context, "seccompProfile")
        yield edit(per_pod.seccomp, context, "seccompProfile", {"type": "Unconfined"})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            yield edit(per_pod.no_host, spec, key, True)
        volumes = spec["volumes"]
        yield edit(per_pod.no_host, spec, "volumes", [*volumes, {"name": "node", "hostPath": {"path": "/"}}])
        yield edit(per_pod.no_tokens, spec, "automountServiceAccountToken")
        yield edit(per_pod.no_tokens, spec, "automountServiceAccountToken", True)
        yield edit(per_pod.no_tokens, spec, "serviceAccountName")
        yield edit(per_pod.no_tokens, spec, "serviceAccountName", "default")
        yield edit(per_pod.no_service_links, spec, "enableServiceLinks")
        yield edit(cluster.order_of_giving_way, spec, "priorityClassName")
        yield edit(cluster.order_of_giving_way, spec, "priorityClassName", "system-node-critical")
        yield edit(network.known_names, pod.metadata["labels"], "app.kubernetes.io/name", "another")
        if pod.lasting:
            yield edit(cluster.budgets, pod.metadata["labels"], "app.kubernetes.io/name", "another")
        if "topologySpreadConstraints" in spec and (pod.replicas > 1 or pod.name == "ray-worker"):
            yield edit(cluster.spread, spec, "topologySpreadConstraints")
        for volume in volumes:
            if "emptyDir" in volume:
                yield edit(per_pod.sized_volumes, volume["emptyDir"], "sizeLimit")


def of_containers(objects: list[Object]) -> Iterator[Mutation]:
    """Each container, also those that run first and the autoscaler's, loses each of its controls."""
    for pod in pods(objects):
        for one in pod.containers:
            where, context, resources = (
                f"{pod.owner}/{one['name']}",
                one["securityContext"],
                one["resources"],
            )

            def edit(
                control: Control, holder: Any, key: Any, value: Any = REMOVED, where: str = where
            ) -> Any:
                return Mutation(control, where, holder, key, value)

            yield edit(per_pod.no_escalation, context, "allowPrivilegeEscalation")
            yield edit(per_pod.no_escalation, context, "allowPrivilegeEscalation", True)
            yield edit(per_pod.no_escalation, context, "privileged", True)
            yield edit(per_pod.no_capabilities, context, "capabilities")
            added = {"drop": ["ALL"], "add": ["NET_ADMIN"]}
            yield edit(per_pod.no_capabilities, context, "capabilities", added)
            yield edit(per_pod.read_only_root, context, "readOnlyRootFilesystem")
            yield edit(per_pod.read_only_root, context, "readOnlyRootFilesystem", False)
            yield edit(per_pod.runs_as_someone, context, "runAsUser", 0)
            yield edit(per_pod.runs_as_someone, context, "runAsNonRoot", False)
            for side in ("requests", "limits"):
                yield edit(per_pod.limited, resources, side)
                yield edit(per_pod.limited, resources[side], "cpu")
                yield edit(per_pod.limited, resources[side], "memory")
            if one["name"] == "autoscaler":  # made anew at each look, so only what it holds can be edited
                continue
            name = one["image"].rpartition(":")[0]
            for image in (name, f"{name}:latest", f"{name}:stable", f"{name}@sha256:short"):
                yield edit(per_pod.pinned_images, one, "image", image)
            yield edit(per_pod.no_host, one, "ports", [{"containerPort": 80, "hostPort": 80}])
            for probe in per_pod.PROBES if pod.lasting and "startupProbe" in one else ():
                yield edit(per_pod.probed, one, probe)


def of_secrets(objects: list[Object]) -> Iterator[Mutation]:
    """Each credential is written out in turn, and others creep in by other doors."""
    control = per_pod.no_literal_credentials
    for pod in pods(objects):
        for one in pod.containers:
            for k, variable in enumerate(one.get("env", [])):
                where = f"{pod.owner}/{one['name']} {variable['name']}"
                if "valueFrom" in variable and variable["name"].endswith(("PASSWORD", "KEY", "KEY_ID")):
                    yield Mutation(
                        control, where, one["env"], k, {"name": variable["name"], "value": "example"}
                    )
                if "://" in variable.get("value", ""):
                    url = variable["value"].replace("://", "://user:example@")
                    yield Mutation(control, where, variable, "value", url)
    for k, one in enumerate(objects):
        if one["kind"] == "ConfigMap":
            yield Mutation(control, called(one), objects, k, {**one, "kind": "Secret"})
            for name, text in one["data"].items():
                told = f"{text}\nadmin_password = example1\n"
                yield Mutation(control, f"{called(one)} {name}", one["data"], name, told)


def of_tokens(objects: list[Object]) -> Iterator[Mutation]:
    """Accounts give tokens, and people's code mounts the one that is the autoscaler's."""
    for one in of_kind(objects, "ServiceAccount"):
        for value in (REMOVED, True):
            yield Mutation(per_pod.no_tokens, called(one), one, "automountServiceAccountToken", value)
    for pod in pods(objects):
        for volume in pod.spec["volumes"]:
            if "projected" in volume:
                shown = {"name": volume["name"], "mountPath": "/var/run/secrets/token"}
                mounts = pod.served[0]["volumeMounts"]
                yield Mutation(per_pod.no_tokens, f"{pod.owner} mounts", mounts, 0, shown)
