"""The manifests without a cluster: every overlay renders, every object has a valid shape, all names lead somewhere."""

import json
import re
from typing import Any

import pytest
import yaml
from installation import (
    K8S,
    OVERLAYS,
    TOP,
    Object,
    called,
    has_kubectl,
    installation,
    kustomizations,
    of_kind,
    pods,
    raw,
    ray_specs,
    render,
)
from schemas import CRDS, OURS, VERSIONS, as_template, wrong_by_crd, wrong_by_kubernetes, wrong_by_ours

renders = pytest.mark.skipif(not has_kubectl(), reason="no kubectl: k8s/ is checked as written, not rendered")
has_crds = pytest.mark.skipif(
    not CRDS.is_dir(), reason="Ray's CRDs are not beside the project: own model only"
)


def is_core(one: Object) -> bool:
    return (one["apiVersion"], one["kind"]) not in OURS


def everything() -> list[Object]:
    """All objects of all overlays, each once."""
    found = {json.dumps(one, sort_keys=True): one for name in OVERLAYS for one in installation(name)}
    return list(found.values())


@renders
@pytest.mark.parametrize("path", kustomizations(), ids=lambda path: str(path.parent.relative_to(K8S)))
def test_every_kustomization_renders(path: Any) -> None:
    if "kind: Component" not in path.read_text(encoding="utf-8"):
        assert json.loads(render(str(path.parent.relative_to(K8S))))


@pytest.mark.parametrize("path", kustomizations(), ids=lambda path: str(path.parent.relative_to(K8S)))
def test_what_a_kustomization_names_is_there_and_all_files_are_named(path: Any) -> None:
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    named = [*text.get("resources", []), *text.get("components", [])]
    named += [file for one in text.get("configMapGenerator", []) for file in one["files"]]
    assert all((path.parent / name).exists() for name in named)
    beside = {one.name for one in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
    assert beside <= set(named)


@renders
@pytest.mark.parametrize("version", VERSIONS)
def test_core_objects_and_rays_pods_are_valid_to_the_last_field(version: str) -> None:
    objects = everything()
    wrong = {called(one): wrong_by_kubernetes(one, version) for one in objects if is_core(one)}
    rays = [one for one in objects if not is_core(one)]
    wrong |= {
        pod.owner: wrong_by_kubernetes(as_template(pod.metadata, pod.spec), version) for pod in pods(rays)
    }
    assert len(wrong) > 50
    assert not {name: found for name, found in wrong.items() if found}


def test_core_objects_are_valid_as_written_too() -> None:
    wrong = {called(one): wrong_by_kubernetes(one, VERSIONS[-1]) for one in raw() if is_core(one)}
    assert len(wrong) > 40
    assert not {name: found for name, found in wrong.items() if found}


@renders
def test_objects_of_ray_and_kueue_have_only_the_fields_that_our_model_knows() -> None:
    ours = [one for one in everything() if not is_core(one)]
    assert {one["kind"] for one in ours} == {kind for _, kind in OURS}
    assert not {called(one): found for one in ours if (found := wrong_by_ours(one))}


@renders
@has_crds
def test_objects_of_ray_are_valid_by_rays_own_definition_made_strict() -> None:
    rays = [one for one in everything() if one["apiVersion"] == "ray.io/v1"]
    assert len(rays) == 5
    assert not {called(one): found for one in rays if (found := wrong_by_crd(one))}


def edits(one: Object) -> list[tuple[str, Object]]:
    """The same object with one thing wrong, and which."""
    text = json.dumps(one)
    unknown = json.loads(text)
    unknown["spec"]["sparkles"] = True
    found = [("an unknown field", unknown)]
    if "rayVersion" in text:
        deep = json.loads(text)
        (_, spec), *_ = ray_specs([deep])
        spec["headGroupSpec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
        found.append(("an unknown field of a container", deep))
        found.append(
            ("a wrong type", json.loads(text.replace('"minReplicas": ', '"minReplicas": "1", "_": ')))
        )
    return found


@renders
def test_a_misspelt_field_is_refused_by_each_schema() -> None:
    objects = installation("gpu")
    for one in of_kind(objects, "Deployment", "NetworkPolicy", "RayCluster", "RayJob"):
        for what, wrong in edits(one):
            core = is_core(one)
            if core:
                assert wrong_by_kubernetes(wrong, VERSIONS[-1]), (called(one), what)
            elif "container" not in what:
                assert wrong_by_ours(wrong), (called(one), what)
            if not core and CRDS.is_dir():
                assert wrong_by_crd(wrong), (called(one), what)
            if "container" in what:
                (pod, *_) = [pod for pod in pods([wrong]) if "head" in pod.owner]
                assert wrong_by_kubernetes(as_template(pod.metadata, pod.spec), VERSIONS[-1])


@renders
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_volumes_accounts_and_scripts_that_pods_name_are_there(overlay: str) -> None:
    objects = installation(overlay)
    there = {called(one) for one in objects}
    for pod in pods(objects):
        mounted = {mount["name"] for one in pod.containers for mount in one.get("volumeMounts", [])}
        own = {one["name"] for one in pod.spec["volumes"]}
        claims = {one["metadata"]["name"] for one in claims_of(objects, pod.owner)}
        assert mounted <= own | claims, pod.owner
        assert own <= mounted, f"{pod.owner} has volumes that nothing mounts"
        wanted = {f"ServiceAccount/{pod.spec['serviceAccountName']}"}
        for volume in pod.spec["volumes"]:
            if "configMap" in volume:
                wanted.add(f"ConfigMap/{volume['configMap']['name']}")
            if "persistentVolumeClaim" in volume:
                wanted.add(f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}")
        assert wanted <= there, pod.owner


def claims_of(objects: list[Object], owner: str) -> list[Object]:
    return [
        claim
        for one in objects
        if called(one) == owner
        for claim in one["spec"].get("volumeClaimTemplates", [])
    ]


@renders
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_ports_of_pods_and_addresses_to_services(overlay: str) -> None:
    objects = installation(overlay)
    ports: dict[str, set[str]] = {}
    for pod in pods(objects):
        names = {port["name"] for one in pod.served for port in one.get("ports", [])}
        ports.setdefault(pod.name, set()).update(names)
    doors = set()
    for one in of_kind(objects, "Service"):
        target = one["spec"]["selector"]["app.kubernetes.io/name"]
        for port in one["spec"]["ports"]:
            assert port["targetPort"] in ports[target], called(one)
            doors.add(f"{one['metadata']['name']}:{port['port']}")
    used = re.findall(r"(?:https?|postgresql)://(?:\w+@)?([\w.\-]+:\d+)", json.dumps(objects))
    assert {address for address in used if not address.startswith("localhost")} <= doors
    assert {"mlflow:5000", "objects:8333", "postgres:5432"} <= set(used)


@renders
def test_a_queue_holds_a_whole_sweep() -> None:
    objects = installation("kueue")
    (queue,) = of_kind(objects, "ClusterQueue")
    (flavor,) = queue["spec"]["resourceGroups"][0]["flavors"]
    quota = {one["name"]: amount(one["nominalQuota"]) for one in flavor["resources"]}
    needed: dict[str, float] = {}
    for pod in pods(of_kind(objects, "RayJob")):
        times = pod.replicas if pod.name == "ray-worker" else 1
        for one in pod.containers:
            for name, value in one["resources"]["requests"].items():
                needed[name] = needed.get(name, 0) + times * amount(value)
    assert needed["nvidia.com/gpu"] == 4
    assert needed.keys() == quota.keys()
    assert all(needed[name] <= quota[name] for name in needed)


def amount(text: str) -> float:
    units = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    number, unit = re.fullmatch(r"([\d.]+)(\w*)", text).groups()
    return float(number) * units.get(unit, 1)


def test_amounts_are_read_as_kubernetes_reads_them() -> None:
    assert [amount(text) for text in ("500m", "2", "1Gi")] == [0.5, 2, 2**30]


def test_versions_are_those_that_the_locks_name() -> None:
    lock = (TOP / "requirements.lock").read_text(encoding="utf-8")
    server = (K8S / "images" / "mlflow" / "requirements.lock").read_text(encoding="utf-8")
    pin = re.compile(r"^(ray|mlflow)==(\S+)", re.MULTILINE)
    ours, theirs = dict(pin.findall(lock)), dict(pin.findall(server))
    assert theirs["mlflow"] == ours["mlflow"]
    for one in of_kind(raw(), "RayCluster"):
        assert one["spec"]["rayVersion"] == ours["ray"]
    import podium

    tags = re.findall(
        r"name: (podium\S*), newTag: ([\d.]+)", "".join(p.read_text() for p in kustomizations())
    )
    assert {tag for _, tag in tags} == {podium.__version__}
