"""What docs/kubernetes.md and the manifests' comments name is there."""

import re

import pytest
from installation import K8S, OVERLAYS, TOP, called, has_kubectl, installation, raw

GUIDE = (TOP / "docs" / "kubernetes.md").read_text(encoding="utf-8")
NAMED = re.compile(r"\b(deployment|statefulset|cronjob|service|job)/([a-z-]+)")


def test_every_path_that_the_guide_names_is_there() -> None:
    paths = set(re.findall(r"\b(k8s/[\w/.-]+\w|pipelines/\w+\.py)", GUIDE))
    paths |= {f"k8s/{name}" for name in re.findall(r"`((?:base|overlays)/[\w/.-]+)`", GUIDE)}
    assert len(paths) > 10
    assert not [path for path in paths if not (TOP / path).exists()]


def test_every_object_that_the_guide_names_is_there() -> None:
    known = {called(one).lower() for one in raw()}
    made = {f"job/{name}" for name in re.findall(r"create job .*?([a-z-]+)$", GUIDE, re.MULTILINE)}
    named = {"/".join(pair) for pair in NAMED.findall(GUIDE)}
    assert len(named) > 5
    assert not named - known - made


def test_what_the_guide_says_of_gpu_workers_is_so() -> None:
    if not has_kubectl():
        pytest.skip("rendering needs kubectl")
    (cluster,) = [one for one in installation("gpu") if called(one) == "RayCluster/podium"]
    (group,) = [one for one in cluster["spec"]["workerGroupSpecs"] if one["groupName"] == "gpu"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert (limits["nvidia.com/gpu"], limits["cpu"], limits["memory"]) == ("1", "8", "32Gi")
    assert "one GPU, 8 cores, 32 GiB each, none until a sweep asks for one, 8 at most" in GUIDE
    assert (group["minReplicas"], group["maxReplicas"]) == (0, 8)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_is_in_the_guide(overlay: str) -> None:
    assert f"`overlays/{overlay}`" in GUIDE


def test_every_page_that_a_manifest_names_is_there_and_speaks_of_it() -> None:
    for path in sorted(K8S.rglob("*.yaml")):
        for page in re.findall(r"docs/[\w-]+\.md", path.read_text(encoding="utf-8")):
            assert (TOP / page).is_file(), (path, page)
    assert "## Backup and restore" in GUIDE
    assert "## A store of your own" in GUIDE
