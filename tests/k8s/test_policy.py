"""The policy of an installation: kept by every overlay, and each control that is taken away is noticed."""

import json
from collections import Counter

import policy_cluster
import policy_network
import policy_pods
import pytest
from installation import OVERLAYS, Object, has_kubectl, installation, pods, raw
from mutations import REMOVED, Mutation
from mutations_cluster import mutations

CONTROLS = [*policy_pods.CONTROLS, *policy_network.CONTROLS, *policy_cluster.CONTROLS]
RENDERED_ONLY = {  # versions of our images and the namespace are written once, in kustomizations
    policy_pods.pinned_images,
    policy_cluster.one_namespace,
}
renders = pytest.mark.skipif(not has_kubectl(), reason="no kubectl: k8s/ is checked as written, not rendered")


@renders
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_keeps_every_control(overlay: str) -> None:
    objects = installation(overlay)
    assert not {control.__name__: found for control in CONTROLS if (found := control(objects))}


def test_what_is_written_keeps_every_control_before_it_is_rendered() -> None:
    kept = [control for control in CONTROLS if control not in RENDERED_ONLY]
    assert not {control.__name__: found for control in kept if (found := control(raw()))}


def missed(objects: list[Object], found: list[Mutation]) -> list[str]:
    """The edits that nobody noticed."""
    return [f"{one.control.__name__}: {one.where} {one.key}" for one in found if not one.found(objects)]


@renders
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_control_that_is_taken_away_is_noticed(overlay: str, capsys: pytest.CaptureFixture[str]) -> None:
    objects = installation(overlay)
    before = json.dumps(objects, sort_keys=True)
    found = mutations(objects)
    assert missed(objects, found) == []
    assert json.dumps(objects, sort_keys=True) == before, "an edit was left in place"
    counts = Counter(one.control.__name__ for one in found)
    assert counts.keys() == {control.__name__ for control in CONTROLS}, "a control that nothing tries"
    assert len(found) > 800
    with capsys.disabled():
        print(f"\n{overlay}: {len(found)} mutations of {len(counts)} controls, all caught", end=" ")


def test_what_is_written_loses_nothing_unnoticed_either() -> None:
    objects = raw()
    found = [one for one in mutations(objects) if one.control not in RENDERED_ONLY]
    assert missed(objects, found) == []
    assert len(found) > 500


def test_a_control_that_sees_nothing_would_be_found_out() -> None:
    objects = raw()
    blind = [
        Mutation(lambda objects: [], one.where, one.holder, one.key, one.value) for one in mutations(objects)
    ]
    assert len(missed(objects, blind)) == len(blind)


def test_every_edit_changes_something() -> None:
    objects = raw()
    for one in mutations(objects):
        before = one.holder[one.key] if isinstance(one.holder, list) else one.holder.get(one.key, REMOVED)
        assert before != one.value, (one.control.__name__, one.where, one.key)


@renders
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_tables_of_flows_speak_of_pods_that_are_there(overlay: str) -> None:
    assert {pod.name for pod in pods(installation(overlay))} == set(policy_network.NAMES)


@pytest.mark.parametrize(
    ("image", "fine"),
    [
        ("postgres:17.11-bookworm", True),
        ("registry.example:5000/team/podium:0.1.0", True),
        ("podium@sha256:" + "0" * 64, True),
        ("podium:0.1.0@sha256:" + "0" * 64, True),
        ("podium", False),
        ("podium:latest", False),
        ("podium:stable", False),
        ("registry.example:5000/podium", False),
        ("podium@sha256:1234", False),
    ],
)
def test_an_image_is_pinned_by_a_number_or_a_digest(image: str, fine: bool) -> None:
    pod = {"apiVersion": "v1", "kind": "Deployment", "metadata": {"name": "x"}}
    template = {"metadata": {}, "spec": {"containers": [{"name": "x", "image": image}]}}
    assert (policy_pods.pinned_images([{**pod, "spec": {"template": template}}]) == []) is fine
