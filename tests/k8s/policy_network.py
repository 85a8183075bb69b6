"""Who may speak with whom: the policies are worked out as the cluster's network would, flow by flow."""

import ipaddress
from typing import Any

from installation import Object, of_kind, pods
from policy_pods import Control

INTERNET = "internet"
API_SERVER = "API server"
DNS = "names"
NODES = ("ray-head", "ray-worker")
ANY_PORT = 40123  # Ray's processes choose their ports

# What must be able to speak, from, to, port.
NEEDED = [
    ("mlflow", "postgres", 5432),
    ("backup", "postgres", 5432),
    ("mlflow", "objects", 8333),
    ("leaderboard", "mlflow", 5000),
    ("ray-head", "mlflow", 5000),
    ("ray-worker", "mlflow", 5000),
    ("ray-head", "ray-worker", ANY_PORT),
    ("ray-worker", "ray-head", 6379),
    ("ray-worker", "ray-worker", ANY_PORT),
    ("ray-submitter", "ray-head", 8265),
    ("ray-head", API_SERVER, 443),
    *(
        (name, DNS, 53)
        for name in ("mlflow", "backup", "leaderboard", "ray-head", "ray-worker", "ray-submitter")
    ),
]
NAMES = ("postgres", "objects", "mlflow", "reports", "leaderboard", "backup", *NODES, "ray-submitter")
# Where people's code runs, and what only serves, must not reach the stores, the API server or the world.
FORBIDDEN = [
    *((name, INTERNET, port) for name in NAMES for port in (80, 443, 6443, 22)),
    *((name, API_SERVER, 443) for name in NAMES if name != "ray-head"),
    *(
        (name, store, port)
        for name in (*NODES, "leaderboard", "reports", "ray-submitter")
        for store, port in (("postgres", 5432), ("objects", 8333))
    ),
    *(("reports", name, port) for name, port in (("mlflow", 5000), ("ray-head", 8265), ("postgres", 5432))),
    *(
        ("leaderboard", name, port)
        for name, port in (("ray-head", 6379), ("ray-head", 8265), ("ray-worker", ANY_PORT))
    ),
    ("backup", "objects", 8333),
    ("backup", "mlflow", 5000),
    ("objects", "postgres", 5432),
    ("postgres", "mlflow", 5000),
    ("mlflow", "ray-head", 8265),
    ("ray-submitter", "ray-head", 6379),
    ("ray-submitter", "mlflow", 5000),
]
ADDRESSES = {INTERNET: "203.0.113.7", API_SERVER: "10.96.0.1"}


def default_deny(objects: list[Object]) -> list[str]:
    """A policy takes every way in and out from every pod; the others open some again."""
    for one in of_kind(objects, "NetworkPolicy"):
        spec = one["spec"]
        bare = spec.get("podSelector") == {} and not {"ingress", "egress"} & spec.keys()
        if bare and set(spec.get("policyTypes", [])) == {"Ingress", "Egress"}:
            return []
    return ["no policy denies every way in and out"]


def needed_ways(objects: list[Object]) -> list[str]:
    """What must speak, can."""
    return [f"{a} must reach {b}:{port}" for a, b, port in NEEDED if not reaches(objects, a, b, port)]


def forbidden_ways(objects: list[Object]) -> list[str]:
    """What has nothing to say to each other, cannot."""
    return [f"{a} must not reach {b}:{port}" for a, b, port in FORBIDDEN if reaches(objects, a, b, port)]


def narrow_openings(objects: list[Object]) -> list[str]:
    """An opening names both ends and its ports; only the nodes of a Ray cluster may use all ports with each other."""
    found = []
    for one in of_kind(objects, "NetworkPolicy"):
        for direction, side in (("ingress", "from"), ("egress", "to")):
            for rule in one["spec"].get(direction, []):
                peers = rule.get(side, [])
                if not peers or any(_is_wide(peer) for peer in peers):
                    found.append(f"{one['metadata']['name']}: {direction} must name who, got {peers}")
                ours = all(_names(peer.get("podSelector", {})) == set(NODES) for peer in peers)
                if not rule.get("ports") and not ours:
                    found.append(f"{one['metadata']['name']}: {direction} must name ports")
    return found


def _is_wide(peer: Object) -> bool:
    if "ipBlock" in peer:
        return not ipaddress.ip_network(peer["ipBlock"]["cidr"]).is_private
    return not any(peer.get(key) for key in ("podSelector", "namespaceSelector"))


def _names(selector: Object) -> set[str]:
    return {value for one in selector.get("matchExpressions", []) for value in one["values"]}


def reaches(objects: list[Object], source: str, target: str, port: int) -> bool:
    """Whether the policies let a pod of one name speak with another, or with what is outside of the namespace."""
    rules = [one["spec"] for one in of_kind(objects, "NetworkPolicy")]
    if not _open(rules, source, target, port, "Egress"):
        return False
    return target in (INTERNET, API_SERVER, DNS) or _open(rules, target, source, port, "Ingress")


def _open(rules: list[Object], here: str, there: str, port: int, direction: str) -> bool:
    """No policy of this direction for a pod leaves everything open; otherwise one of their rules must allow it."""
    mine = [one for one in rules if direction in one["policyTypes"] and selects(one["podSelector"], here)]
    side = "from" if direction == "Ingress" else "to"
    return not mine or any(
        _allows(rule, side, there, port) for one in mine for rule in one.get(direction.lower(), [])
    )


def _allows(rule: Object, side: str, there: str, port: int) -> bool:
    ports = [one["port"] for one in rule.get("ports", [])]
    if ports and port not in ports:
        return False
    return side not in rule or any(_is_peer(peer, there) for peer in rule[side])


def _is_peer(peer: Object, there: str) -> bool:
    if "ipBlock" in peer:
        address = ADDRESSES.get(there)
        return address is not None and ipaddress.ip_address(address) in ipaddress.ip_network(
            peer["ipBlock"]["cidr"]
        )
    if there in ADDRESSES:
        return False
    if there == DNS:
        namespace = peer.get("namespaceSelector", {}).get("matchLabels", {})
        return namespace == {"kubernetes.io/metadata.name": "kube-system"}
    if "namespaceSelector" in peer:
        return peer["namespaceSelector"] == {}
    return selects(peer.get("podSelector", {}), there)


def selects(selector: dict[str, Any], name: str) -> bool:
    """Whether a selector takes the pods of a name."""
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "podium"}
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(
        labels.get(one["key"]) in one["values"]
        for one in selector.get("matchExpressions", [])
        if one["operator"] == "In"
    )


def known_names(objects: list[Object]) -> list[str]:
    """Every pod has a name that the tables above know, so that none is overlooked."""
    return [f"{pod.owner} is in no table of flows" for pod in pods(objects) if pod.name not in NAMES]


def inside_only(objects: list[Object]) -> list[str]:
    """No service has a door to the outside of the cluster."""
    found = [
        f"Service {one['metadata']['name']} is open to the outside"
        for one in of_kind(objects, "Service")
        if one["spec"].get("type", "ClusterIP") != "ClusterIP"
    ]
    return found + [f"{one['metadata']['name']} is an Ingress" for one in of_kind(objects, "Ingress")]


CONTROLS: list[Control] = [
    default_deny,
    needed_ways,
    forbidden_ways,
    narrow_openings,
    known_names,
    inside_only,
]
