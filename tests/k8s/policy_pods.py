"""What every pod of an installation must keep to. Each control returns what breaks it, in words; nothing is good."""

import re
from collections.abc import Callable

from installation import Object, Pod, of_kind, pods

Control = Callable[[list[Object]], list[str]]

VOLUMES = {
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PINNED = re.compile(
    r"(?:[\w.\-]+(?::\d+)?/)*[\w.\-]+(?::(?=[\w.\-]*\d)(?!latest)[\w.\-]+)?(?:@sha256:[0-9a-f]{64})?"
)
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
SECRET_NAME = re.compile(r"PASSWORD(?!_FILE)|SECRET|TOKEN|(?<!_FILE)_KEY|CREDENTIAL", re.IGNORECASE)
SECRET_TEXT = re.compile(  # not psql's own variables, PASSWORD :'name'
    r"://[^/\s:@]+:[^/\s@]+@"
    r"|(?i:(?:password|secret|token)[\"']?\s*(?:=|:(?!'))\s*[\"']?[\w\-]{6,})"
    r"|BEGIN [A-Z ]*PRIVATE KEY"
)


def runs_as_someone(objects: list[Object]) -> list[str]:
    """No pod runs as root, and the number says so without looking into the image."""
    found = []
    for pod in pods(objects):
        context = pod.spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser", 0) > 0:
            found.append(f"{pod.owner}: runAsNonRoot and a user above 0 are required")
        for one in pod.containers:
            own = one.get("securityContext", {})
            if own.get("runAsNonRoot", True) is not True or own.get("runAsUser", 1) == 0:
                found.append(f"{pod.owner}/{one['name']} goes back to root")
    return found


def seccomp(objects: list[Object]) -> list[str]:
    """The runtime's filter of system calls is on."""
    return [
        f"{pod.owner}: seccompProfile RuntimeDefault is required"
        for pod in pods(objects)
        if pod.spec.get("securityContext", {}).get("seccompProfile") != {"type": "RuntimeDefault"}
    ]


def _containers(objects: list[Object], fine: Callable[[Object], bool], wanted: str) -> list[str]:
    return [
        f"{pod.owner}/{one['name']}: {wanted}"
        for pod in pods(objects)
        for one in pod.containers
        if not fine(one)
    ]


def no_escalation(objects: list[Object]) -> list[str]:
    """No container may gain rights that it did not start with."""

    def fine(one: Object) -> bool:
        context = one.get("securityContext", {})
        return context.get("allowPrivilegeEscalation") is False and not context.get("privileged")

    return _containers(objects, fine, "allowPrivilegeEscalation: false is required")


def no_capabilities(objects: list[Object]) -> list[str]:
    """All of root's single powers are dropped."""
    return _containers(
        objects,
        lambda one: one.get("securityContext", {}).get("capabilities") == {"drop": ["ALL"]},
        "capabilities must be {drop: [ALL]}",
    )


def read_only_root(objects: list[Object]) -> list[str]:
    """Images cannot be changed while they run."""
    return _containers(
        objects,
        lambda one: one.get("securityContext", {}).get("readOnlyRootFilesystem") is True,
        "readOnlyRootFilesystem: true is required",
    )


def no_host(objects: list[Object]) -> list[str]:
    """Nothing of the node is shared: no folders, ports, processes or network."""
    found = []
    for pod in pods(objects):
        shared = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(key)]
        kinds = {key for volume in pod.spec.get("volumes", []) for key in volume if key != "name"}
        ports = [port for one in pod.containers for port in one.get("ports", []) if "hostPort" in port]
        if shared or kinds - VOLUMES or ports:
            found.append(f"{pod.owner} shares with its node: {shared or kinds - VOLUMES or ports}")
    return found


def no_tokens(objects: list[Object]) -> list[str]:
    """No pod gets a token of the API server, except for the container that scales a Ray cluster."""
    accounts = of_kind(objects, "ServiceAccount")
    found = [
        f"account {one['metadata']['name']} gives tokens"
        for one in accounts
        if one.get("automountServiceAccountToken") is not False
    ]
    names = {one["metadata"]["name"] for one in accounts}
    for pod in pods(objects):
        if pod.spec.get("automountServiceAccountToken") is not False:
            found.append(f"{pod.owner}: automountServiceAccountToken: false is required")
        if pod.spec.get("serviceAccountName") not in names:
            found.append(f"{pod.owner}: an account of its own is required")
        found += _projected(pod)
    return found


def _projected(pod: Pod) -> list[str]:
    """Who mounts a token that a volume brings."""
    tokens = {
        volume["name"]
        for volume in pod.spec.get("volumes", [])
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    }
    scalers = [one for one in pod.injected if one["name"] == "autoscaler"]
    others = [one for one in pod.containers if not any(one is scaler for scaler in scalers)]
    found = [
        f"{pod.owner}/{one['name']} mounts a token"
        for one in others
        for mount in one.get("volumeMounts", [])
        if mount["name"] in tokens
    ]
    return found + ([f"{pod.owner} has a token that nobody needs"] if tokens and not scalers else [])


def no_service_links(objects: list[Object]) -> list[str]:
    """Names of services do not become variables: MLflow would take MLFLOW_PORT for its own."""
    return [
        f"{pod.owner}: enableServiceLinks: false is required"
        for pod in pods(objects)
        if pod.spec.get("enableServiceLinks") is not False
    ]


def pinned_images(objects: list[Object]) -> list[str]:
    """Every image has a version with a number in it, or a digest; never latest."""

    def fine(one: Object) -> bool:
        image = one.get("image", "podium:0.1.0" if one["name"] == "autoscaler" else "")  # the head's own
        return bool(PINNED.fullmatch(image)) and (":" in image.rpartition("/")[2] or "@" in image)

    return _containers(objects, fine, "the image must name a version or a digest")


def limited(objects: list[Object]) -> list[str]:
    """Every container asks for processors and memory, and is stopped at a limit of both."""

    def fine(one: Object) -> bool:
        resources = one.get("resources", {})
        return all({"cpu", "memory"} <= resources.get(key, {}).keys() for key in ("requests", "limits"))

    return _containers(objects, fine, "requests and limits of cpu and memory are required")


def sized_volumes(objects: list[Object]) -> list[str]:
    """Scratch folders cannot fill the node's disk or memory."""
    return [
        f"{pod.owner}: volume {volume['name']} must have a sizeLimit"
        for pod in pods(objects)
        for volume in pod.spec.get("volumes", [])
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit")
    ]


def probed(objects: list[Object]) -> list[str]:
    """What lasts is asked whether it started, is ready and lives."""
    return [
        f"{pod.owner}/{one['name']}: {probe} is required"
        for pod in pods(objects)
        if pod.lasting
        for one in pod.served
        for probe in PROBES
        if not one.get(probe)
    ]


def no_literal_credentials(objects: list[Object]) -> list[str]:
    """Passwords, tokens and keys come from Secrets, which no file of ours holds."""
    found = [f"{one['metadata']['name']} is a Secret in a file" for one in of_kind(objects, "Secret")]
    for pod in pods(objects):
        for one in pod.containers:
            for variable in one.get("env", []):
                text = str(variable.get("value", ""))
                if (SECRET_NAME.search(variable["name"]) and text) or SECRET_TEXT.search(text):
                    found.append(f"{pod.owner}/{one['name']}: {variable['name']} is written out")
            words = " ".join([*one.get("command", []), *one.get("args", [])])
            if SECRET_TEXT.search(words):
                found.append(f"{pod.owner}/{one['name']}: its command holds a credential")
    for one in of_kind(objects, "ConfigMap"):
        for name, text in one.get("data", {}).items():
            if SECRET_TEXT.search(text):
                found.append(f"ConfigMap {one['metadata']['name']}: {name} holds a credential")
    return found


CONTROLS: list[Control] = [
    runs_as_someone,
    seccomp,
    no_escalation,
    no_capabilities,
    read_only_root,
    no_host,
    no_tokens,
    no_service_links,
    pinned_images,
    limited,
    sized_volumes,
    probed,
    no_literal_credentials,
]
