"""How a control of the whole installation can be taken away: network, rights, clusters, jobs and services."""

from collections.abc import Iterator

import policy_cluster as cluster
import policy_network as network
from installation import Object, called, of_kind, pods, ray_specs
from mutations import REMOVED, Mutation, of_containers, of_pods, of_secrets, of_tokens


def mutations(objects: list[Object]) -> list[Mutation]:
    """All of them, also those of pods, for the objects as they are."""
    pod_makers = (of_pods, of_containers, of_secrets, of_tokens)
    makers = (of_network, of_namespace, of_rights, of_clusters, of_jobs, of_services, of_budgets, of_tracking)
    return [one for make in (*pod_makers, *makers) for one in make(objects)]


def of_network(objects: list[Object]) -> Iterator[Mutation]:
    """Each policy goes, each opening goes, and each becomes wide."""
    for k, one in enumerate(objects):
        if one["kind"] == "NetworkPolicy":
            if one["metadata"]["name"] == "default-deny":
                yield from _of_denial(objects, k, one["spec"])
            else:
                yield from _of_opening(objects, k, one)


def _of_denial(objects: list[Object], k: int, spec: Object) -> Iterator[Mutation]:
    where = "default-deny"
    yield Mutation(network.default_deny, where, objects, k, REMOVED)
    for types in (["Ingress"], ["Egress"]):
        yield Mutation(network.default_deny, where, spec, "policyTypes", types)
    for control in (network.default_deny, network.forbidden_ways):
        yield Mutation(control, where, spec, "egress", [{}])
    chosen = {"matchLabels": {"app.kubernetes.io/name": "mlflow"}}
    yield Mutation(network.default_deny, where, spec, "podSelector", chosen)


def _of_opening(objects: list[Object], k: int, one: Object) -> Iterator[Mutation]:
    spec, where = one["spec"], called(one)
    needed = one["metadata"]["name"] != "reports"  # who reads the pages comes from another namespace
    world = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
    if needed:
        yield Mutation(network.needed_ways, where, objects, k, REMOVED)
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for n, rule in enumerate(spec.get(direction, [])):
            here = f"{where} {direction} {n}"
            for peers in ([], [{"namespaceSelector": {}}], world):
                yield Mutation(network.narrow_openings, here, rule, side, peers)
            if "ports" in rule:
                yield Mutation(network.narrow_openings, here, rule, "ports", REMOVED)
            if direction == "egress":
                anywhere = {side: world, "ports": []}
                yield Mutation(network.forbidden_ways, here, spec[direction], n, anywhere)
            if needed:
                yield Mutation(network.needed_ways, here, spec[direction], n, REMOVED)


def of_namespace(objects: list[Object]) -> Iterator[Mutation]:
    """The namespace stops refusing, and objects leave it."""
    for one in of_kind(objects, "Namespace"):
        labels = one["metadata"]["labels"]
        for value in (REMOVED, "baseline", "privileged"):
            key = "pod-security.kubernetes.io/enforce"
            yield Mutation(cluster.restricted, called(one), labels, key, value)
        key = "pod-security.kubernetes.io/enforce-version"
        yield Mutation(cluster.restricted, called(one), labels, key, "latest")
    for one in objects:
        if "namespace" in one["metadata"]:
            for value in (REMOVED, "default"):
                yield Mutation(cluster.one_namespace, called(one), one["metadata"], "namespace", value)


def of_rights(objects: list[Object]) -> Iterator[Mutation]:
    """Rights grow, or somebody else gets them."""
    words = {
        "apiGroups": ["*"],
        "resources": ["*", "pods/*", "secrets", "pods/exec", "serviceaccounts/token"],
        "verbs": ["*", "impersonate"],
    }
    for one in of_kind(objects, "Role"):
        yield Mutation(cluster.small_rights, called(one), one, "kind", "ClusterRole")
        for rule in one["rules"]:
            for key, added in words.items():
                for word in added:
                    yield Mutation(cluster.small_rights, called(one), rule, key, [*rule[key], word])
    for one in of_kind(objects, "RoleBinding"):
        subject = one["subjects"][0]
        yield Mutation(cluster.small_rights, called(one), subject, "name", "system:authenticated")
        yield Mutation(cluster.small_rights, called(one), one, "kind", "ClusterRoleBinding")


def of_clusters(objects: list[Object]) -> Iterator[Mutation]:
    """Ray's clusters lose their token, their bounds, their place in the queue."""
    kueue = bool(of_kind(objects, "ClusterQueue"))
    for where, spec in ray_specs(objects):
        for value in (REMOVED, {"mode": "disabled"}, {"mode": "token"}):
            yield Mutation(cluster.ray_tokens, where, spec, "authOptions", value)
        yield Mutation(cluster.ray_tokens, where, spec, "rayVersion", "2.51.1")
        yield Mutation(cluster.ray_tokens, where, spec, "rayVersion", REMOVED)
        yield Mutation(cluster.ray_tokens, where, spec["headGroupSpec"], "serviceType", "LoadBalancer")
        yield Mutation(
            cluster.ray_tokens, where, spec["headGroupSpec"]["rayStartParams"], "num-cpus", REMOVED
        )
        yield Mutation(cluster.scaling, where, spec, "enableInTreeAutoscaling", kueue)
        if not kueue:
            for key in ("version", "idleTimeoutSeconds"):
                yield Mutation(cluster.scaling, where, spec["autoscalerOptions"], key, REMOVED)
        for group in spec["workerGroupSpecs"]:
            yield Mutation(cluster.scaling, where, group, "maxReplicas", 10_000)
            yield Mutation(cluster.scaling, where, group, "minReplicas", group["maxReplicas"] + 1)
    for one in of_kind(objects, "RayJob") if kueue else []:
        yield Mutation(cluster.scaling, called(one), one["spec"], "suspend", REMOVED)
        yield Mutation(cluster.scaling, called(one), one["metadata"]["labels"], cluster.QUEUE, REMOVED)


def of_jobs(objects: list[Object]) -> Iterator[Mutation]:
    """Jobs lose their ends."""
    for one in of_kind(objects, "RayJob", "Job", "CronJob"):
        spec, where = one["spec"], called(one)
        job = spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec
        for key in ("activeDeadlineSeconds", "backoffLimit"):
            yield Mutation(cluster.bounded_jobs, where, job, key, REMOVED)
        if one["kind"] == "CronJob":
            for value in (REMOVED, "Allow"):
                yield Mutation(cluster.bounded_jobs, where, spec, "concurrencyPolicy", value)
            yield Mutation(cluster.bounded_jobs, where, spec, "suspend", True)
            steps = job["template"]["spec"]
            yield Mutation(cluster.kept, where, steps["containers"][0], "command", ["true"])
            for k in range(len(steps.get("initContainers", []))):
                yield Mutation(cluster.kept, where, steps["initContainers"], k, REMOVED)
        if one["kind"] == "RayJob":
            for key in ("shutdownAfterJobFinishes", "ttlSecondsAfterFinished"):
                yield Mutation(cluster.bounded_jobs, where, spec, key, REMOVED)
    for k, one in enumerate(objects):
        if one["kind"] == "CronJob":
            yield Mutation(cluster.kept, f"{called(one)} goes", objects, k, REMOVED)


def of_services(objects: list[Object]) -> Iterator[Mutation]:
    """Services open to the world."""
    for one in of_kind(objects, "Service"):
        for kind in ("NodePort", "LoadBalancer"):
            yield Mutation(network.inside_only, called(one), one["spec"], "type", kind)
        yield Mutation(network.inside_only, called(one), one, "kind", "Ingress")


def of_budgets(objects: list[Object]) -> Iterator[Mutation]:
    """Budgets and priorities go or lose their sense."""
    for k, one in enumerate(objects):
        if one["kind"] == "PodDisruptionBudget":
            yield Mutation(cluster.budgets, called(one), objects, k, REMOVED)
            yield Mutation(cluster.budgets, called(one), one["spec"], "maxUnavailable", 5)
        if one["kind"] == "PriorityClass":
            control = cluster.order_of_giving_way
            yield Mutation(control, called(one), objects, k, REMOVED)
            yield Mutation(control, called(one), one, "globalDefault", True)
            yield Mutation(control, called(one), one, "value", 10000 if one["value"] == 5000 else 5000)
            if one["metadata"]["name"] == "podium-trials":
                yield Mutation(control, called(one), one, "preemptionPolicy", REMOVED)


def of_tracking(objects: list[Object]) -> Iterator[Mutation]:
    """MLflow lets everybody in."""
    keys = ("--app-name", "--allowed-hosts", "--cors-allowed-origins", "--artifacts-destination")
    for pod in pods(objects):
        for one in pod.served if pod.name == "mlflow" else []:
            for k, word in enumerate(one["args"]):
                key = word.partition("=")[0]
                if key in keys:
                    yield Mutation(cluster.tracking, f"{pod.owner} {key}", one["args"], k, REMOVED)
                    yield Mutation(cluster.tracking, f"{pod.owner} {key}", one["args"], k, f"{key}=*")
            for variable in one["env"]:
                if variable["name"] == "MLFLOW_SERVER_ENABLE_JOB_EXECUTION":
                    yield Mutation(cluster.tracking, pod.owner, variable, "value", "true")
