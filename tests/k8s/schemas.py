"""The shapes that objects must have: core kinds by Kubernetes' own schemas, Ray's and Kueue's by what we use of them."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml
from installation import TOP, Object

VERSIONS = ("1.32", "1.37")  # the oldest and the newest Kubernetes that the manifests are for
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)  # megabytes each
CRDS = TOP.parent / "shared" / "k8s-crds"

TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
LABELS = {"type": "object", "additionalProperties": TEXT}
ANYTHING: Object = {}  # checked by another schema


def closed(required: Object, optional: Object | None = None) -> Object:
    """An object with these fields and no others."""
    properties = required | (optional or {})
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


METADATA = closed({"name": TEXT, "labels": LABELS, "namespace": TEXT}, {"annotations": LABELS})
TEMPLATE = closed({"metadata": closed({"labels": LABELS}), "spec": {"type": "object"}})
GROUP = closed(
    {
        "groupName": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,40}$"},
        "replicas": COUNT,
        "minReplicas": COUNT,
        "maxReplicas": {"type": "integer", "minimum": 1},
        "rayStartParams": LABELS,
        "template": TEMPLATE,
    }
)
AUTOSCALER = closed(
    {
        "version": {"enum": ["v2"]},
        "idleTimeoutSeconds": {"type": "integer", "minimum": 10},
        "upscalingMode": {"enum": ["Default", "Conservative"]},
        "resources": ANYTHING,
        "securityContext": ANYTHING,
    },
    {"imagePullPolicy": {"enum": ["IfNotPresent"]}, "env": ANYTHING, "volumeMounts": ANYTHING},
)
RAY_CLUSTER = closed(
    {
        "rayVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "authOptions": closed({"mode": {"enum": ["token"]}, "secretName": TEXT}),
        "enableInTreeAutoscaling": {"type": "boolean"},
        "headGroupSpec": closed(
            {"serviceType": {"enum": ["ClusterIP"]}, "rayStartParams": LABELS, "template": TEMPLATE}
        ),
        "workerGroupSpecs": {"type": "array", "items": GROUP, "minItems": 1},
    },
    {"autoscalerOptions": AUTOSCALER},
)
RAY_JOB = closed(
    {
        "entrypoint": {"type": "string", "pattern": "^podium "},
        "submissionMode": {"enum": ["K8sJobMode"]},
        "shutdownAfterJobFinishes": {"enum": [True]},
        "ttlSecondsAfterFinished": COUNT,
        "activeDeadlineSeconds": {"type": "integer", "minimum": 60},
        "backoffLimit": COUNT,
        "submitterConfig": closed({"backoffLimit": COUNT}),
        "submitterPodTemplate": TEMPLATE,
        "rayClusterSpec": RAY_CLUSTER,
    },
    {"suspend": {"type": "boolean"}},
)
QUANTITY = {"type": "string", "pattern": r"^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?$"}
QUOTA = closed({"name": TEXT, "nominalQuota": QUANTITY})
CLUSTER_QUEUE = closed(
    {
        "namespaceSelector": closed({"matchLabels": LABELS}),
        "queueingStrategy": {"enum": ["BestEffortFIFO", "StrictFIFO"]},
        "preemption": closed({"withinClusterQueue": {"enum": ["Never", "LowerPriority"]}}),
        "resourceGroups": {
            "type": "array",
            "items": closed(
                {
                    "coveredResources": {"type": "array", "items": TEXT},
                    "flavors": {
                        "type": "array",
                        "items": closed({"name": TEXT, "resources": {"type": "array", "items": QUOTA}}),
                    },
                }
            ),
        },
    }
)
BARE = closed({"name": TEXT})
OURS: dict[tuple[str, str], Object] = {
    ("ray.io/v1", "RayCluster"): closed({"metadata": METADATA, "spec": RAY_CLUSTER}),
    ("ray.io/v1", "RayJob"): closed({"metadata": METADATA, "spec": RAY_JOB}),
    ("kueue.x-k8s.io/v1beta2", "ResourceFlavor"): closed({"metadata": BARE}),
    ("kueue.x-k8s.io/v1beta2", "ClusterQueue"): closed({"metadata": BARE, "spec": CLUSTER_QUEUE}),
    ("kueue.x-k8s.io/v1beta2", "LocalQueue"): closed(
        {"metadata": closed({"name": TEXT, "namespace": TEXT}), "spec": closed({"clusterQueue": TEXT})}
    ),
}


def wrong_by_ours(one: Object) -> list[str]:
    """What our own model of Ray's and Kueue's objects refuses."""
    schema = OURS[one["apiVersion"], one["kind"]]
    return _wrong({key: value for key, value in one.items() if key not in ("apiVersion", "kind")}, schema)


def wrong_by_kubernetes(one: Object, version: str) -> list[str]:
    """What the strict schemas of a Kubernetes refuse."""
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(str(part) for part in error.path)}: {error.message[:200]}"]
    return []


def as_template(metadata: Object, spec: Object) -> Object:
    """A pod of a kind that Kubernetes does not know, as one that it knows."""
    template = {"metadata": metadata, "spec": spec}
    return {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "any"}, "template": template}


def wrong_by_crd(one: Object) -> list[str]:
    """What Ray's own definition, made strict, refuses."""
    return _wrong(one, crd(one["kind"]))


@cache
def crd(kind: str) -> Object:
    """The schema of a Ray kind in the version that we use, without room for unknown fields."""
    path: Path = CRDS / f"ray.io_{kind.lower()}s.yaml"
    definition = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    (version,) = (one for one in definition["spec"]["versions"] if one["name"] == "v1")
    schema: Object = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = METADATA
    return schema


def strict(schema: Any) -> Any:
    """The same schema, where an object with known fields refuses all others."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    known = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if (
        known
        and "additionalProperties" not in schema
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        made["additionalProperties"] = False
    return made


def _wrong(one: Object, schema: Object) -> list[str]:
    errors = jsonschema.Draft202012Validator(schema).iter_errors(one)
    return [f"{'.'.join(str(part) for part in error.path)}: {error.message[:200]}" for error in errors]
