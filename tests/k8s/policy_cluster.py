"""What an installation as a whole must keep to: namespace, rights, budgets, order of giving way, Ray, MLflow, jobs."""

from installation import Object, called, of_kind, pods, ray_specs
from policy_network import selects
from policy_pods import Control

POWERS = {"secrets", "pods/exec", "pods/attach", "serviceaccounts/token", "roles", "rolebindings", "nodes"}
VERBS = {"escalate", "bind", "impersonate"}
QUEUE = "kueue.x-k8s.io/queue-name"


def restricted(objects: list[Object]) -> list[str]:
    """The namespace itself refuses pods that are not restricted."""
    for one in of_kind(objects, "Namespace"):
        labels = one["metadata"].get("labels", {})
        version = labels.get("pod-security.kubernetes.io/enforce-version", "")
        if labels.get("pod-security.kubernetes.io/enforce") == "restricted" and version.startswith("v1."):
            return []
    return ["the namespace must enforce pod security restricted, at a version"]


def one_namespace(objects: list[Object]) -> list[str]:
    """Everything that lives in a namespace lives in ours."""
    outside = ("Namespace", "PriorityClass", "ClusterQueue", "ResourceFlavor")
    return [
        f"{called(one)} must be in the namespace podium"
        for one in objects
        if one["kind"] not in outside and one["metadata"].get("namespace") != "podium"
    ]


def small_rights(objects: list[Object]) -> list[str]:
    """Roles name what they allow, never the secrets or a way to more rights, and never for the whole cluster."""
    found = [
        f"{called(one)} is for the whole cluster"
        for one in of_kind(objects, "ClusterRole", "ClusterRoleBinding")
    ]
    for role in of_kind(objects, "Role"):
        for rule in role["rules"]:
            words = {*rule.get("apiGroups", []), *rule.get("resources", []), *rule.get("verbs", [])}
            if any("*" in word for word in words) or words & POWERS or words & VERBS:
                found.append(f"Role {role['metadata']['name']} allows too much: {rule}")
    for one in of_kind(objects, "RoleBinding"):
        if any(subject["name"].startswith("system:") for subject in one["subjects"]):
            found.append(f"{called(one)} is for everybody")
    return found


def budgets(objects: list[Object]) -> list[str]:
    """A drain of nodes takes what lasts away one by one, and never the head of a living Ray cluster."""
    rules = [one["spec"] for one in of_kind(objects, "PodDisruptionBudget")]
    found = []
    for pod in pods(objects):
        mine = [one.get("maxUnavailable") for one in rules if selects(one["selector"], pod.name)]
        wanted = [0] if pod.name == "ray-head" else [1]
        if pod.lasting and mine != wanted:
            found.append(f"{pod.owner}: one budget with maxUnavailable {wanted[0]} is required, got {mine}")
    return found


def order_of_giving_way(objects: list[Object]) -> list[str]:
    """Trials give way before heads, and heads before services; trials push nobody away."""
    classes = {one["metadata"]["name"]: one for one in of_kind(objects, "PriorityClass")}
    names = ("podium-trials", "podium-heads", "podium-services")
    if not set(names) <= classes.keys():
        return [f"the classes {names} are required"]
    values = [classes[name]["value"] for name in names]
    found = [] if values == sorted(set(values)) else [f"priorities must rise, got {values}"]
    if classes[names[0]].get("preemptionPolicy") != "Never" or any(
        one["globalDefault"] for one in classes.values()
    ):
        found.append("trials must push nobody away, and no class may be the default of others")
    wanted = {
        "ray-worker": names[0],
        "leaderboard": names[0],
        "ray-head": names[1],
        "ray-submitter": names[1],
    }
    for pod in pods(objects):
        if pod.spec.get("priorityClassName") != wanted.get(pod.name, names[2]):
            found.append(f"{pod.owner}: priorityClassName {wanted.get(pod.name, names[2])} is required")
    return found


def spread(objects: list[Object]) -> list[str]:
    """Pods of which there are many are spread over the nodes."""
    found = []
    for pod in pods(objects):
        rules = pod.spec.get("topologySpreadConstraints", [])
        good = any(
            one["topologyKey"] == "kubernetes.io/hostname" and selects(one["labelSelector"], pod.name)
            for one in rules
        )
        if pod.lasting and (pod.replicas > 1 or pod.name == "ray-worker") and not good:
            found.append(f"{pod.owner} must be spread over nodes")
    return found


def ray_tokens(objects: list[Object]) -> list[str]:
    """Who wants to use a Ray cluster shows its token, which a Secret of ours holds; the head trains nothing."""
    found = []
    for owner, spec in ray_specs(objects):
        if spec.get("authOptions") != {"mode": "token", "secretName": "ray-token"}:
            found.append(f"{owner}: token authentication is required")
        head = spec["headGroupSpec"]
        if head.get("serviceType") != "ClusterIP" or head["rayStartParams"].get("num-cpus") != "0":
            found.append(f"{owner}: a head inside of the cluster that trains nothing is required")
        if tuple(int(part) for part in spec.get("rayVersion", "0.0").split(".")[:2]) < (2, 52):
            found.append(f"{owner}: tokens need rayVersion 2.52 or newer")
    return found


def scaling(objects: list[Object]) -> list[str]:
    """A cluster grows and shrinks within bounds; under Kueue it is fixed, whole, and waits for its place."""
    found = []
    queued = {called(one) for one in objects if QUEUE in one["metadata"].get("labels", {})}
    kueue = bool(of_kind(objects, "ClusterQueue"))
    for owner, spec in ray_specs(objects):
        sizes = [
            (group["minReplicas"], group["replicas"], group["maxReplicas"])
            for group in spec["workerGroupSpecs"]
        ]
        options = spec.get("autoscalerOptions", {})
        grows = (
            spec.get("enableInTreeAutoscaling")
            and options.get("version") == "v2"
            and options.get("idleTimeoutSeconds")
        )
        if not all(0 <= low <= now <= high <= 100 for low, now, high in sizes):
            found.append(f"{owner}: minReplicas <= replicas <= maxReplicas <= 100 is required, got {sizes}")
        if kueue and (spec.get("enableInTreeAutoscaling") or any(low != high for low, _, high in sizes)):
            found.append(f"{owner}: Kueue needs a fixed number of workers")
        if kueue and owner not in queued:
            found.append(f"{owner}: the label {QUEUE} is required")
        if not kueue and not (grows and any(low < high for low, _, high in sizes)):
            found.append(f"{owner}: autoscaling v2 with an idle time and room to grow is required")
    for one in of_kind(objects, "RayJob"):
        if kueue and one["spec"].get("suspend") is not True:
            found.append(f"{called(one)}: suspend: true is required, Kueue lets it go")
    return found


def bounded_jobs(objects: list[Object]) -> list[str]:
    """No job runs for ever, is tried for ever, overlaps with itself, or keeps a cluster that it no longer needs."""
    found = []
    for one in of_kind(objects, "RayJob", "Job", "CronJob"):
        spec = one["spec"]
        job = spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec
        if not job.get("activeDeadlineSeconds") or job.get("backoffLimit") is None:
            found.append(f"{called(one)}: activeDeadlineSeconds and backoffLimit are required")
        if one["kind"] == "RayJob" and not (
            spec.get("shutdownAfterJobFinishes") and "ttlSecondsAfterFinished" in spec
        ):
            found.append(f"{called(one)}: its cluster must go away with it")
        if one["kind"] == "CronJob" and (spec.get("concurrencyPolicy") != "Forbid" or spec.get("suspend")):
            found.append(f"{called(one)}: concurrencyPolicy Forbid is required, and it must run")
    return found


def tracking(objects: list[Object]) -> list[str]:
    """MLflow asks who it is, answers only to its names, runs no jobs, and keeps artifacts in the object store."""
    found = []
    for pod in pods(objects):
        for one in pod.served if pod.name == "mlflow" else []:
            words = dict(word.partition("=")[::2] for word in one.get("args", []))
            if words.get("--app-name") != "basic-auth":
                found.append("MLflow must ask for accounts")
            hosts = words.get("--allowed-hosts", "*") + words.get("--cors-allowed-origins", "*")
            if "*" in hosts:
                found.append("MLflow must name its hosts and origins")
            if not words.get("--artifacts-destination", "").startswith("s3://"):
                found.append("MLflow must keep artifacts in the object store")
            given = {variable["name"]: variable.get("value") for variable in one["env"]}
            if given.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION") != "false":
                found.append("MLflow must run no jobs")
    return found


def kept(objects: list[Object]) -> list[str]:
    """The database is dumped by a timetable, and the board is checked before it is published."""
    steps = {
        one["metadata"]["name"]: [
            " ".join(step["command"])
            for key in ("initContainers", "containers")
            for step in one["spec"]["jobTemplate"]["spec"]["template"]["spec"].get(key, [])
        ]
        for one in of_kind(objects, "CronJob")
    }
    found = (
        []
        if any("backup.sh" in step for step in steps.get("backup", []))
        else ["a timetable of dumps is required"]
    )
    wanted = ["podium leaderboard", "podium verify", "publish.sh", "podium sync"]
    made = steps.get("leaderboard", [])
    if len(made) != len(wanted) or not all(want in step for want, step in zip(wanted, made, strict=True)):
        found.append(f"the board must be made, checked, published and sent in this order, got {made}")
    return found


CONTROLS: list[Control] = [
    restricted,
    one_namespace,
    small_rights,
    budgets,
    order_of_giving_way,
    spread,
    ray_tokens,
    scaling,
    bounded_jobs,
    tracking,
    kept,
]
