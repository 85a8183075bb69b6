"""Credentials: made anew for each installation, in the names that the manifests refer to, and shown to nobody."""

import base64
import json
import os
import pty
import subprocess
import sys

import pytest
from installation import OVERLAYS, TOP, Object, has_kubectl, installation, pods, raw, ray_specs
from schemas import VERSIONS, wrong_by_kubernetes

SCRIPT = TOP / "pipelines" / "cluster_secrets.py"


def made() -> list[Object]:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=True)
    items: list[Object] = json.loads(done.stdout)["items"]
    return items


def values(secrets: list[Object]) -> dict[tuple[str, str], str]:
    return {
        (one["metadata"]["name"], key): base64.b64decode(text).decode()
        for one in secrets
        for key, text in one["data"].items()
    }


def referred(objects: list[Object]) -> set[tuple[str, str]]:
    """Which keys of which secrets the objects want; a mounted secret stands for its files."""
    found = {("ray-token", "auth_token") for _, spec in ray_specs(objects) if "authOptions" in spec}
    for pod in pods(objects):
        for one in pod.containers:
            for variable in one.get("env", []):
                wanted = variable.get("valueFrom", {}).get("secretKeyRef")
                if wanted:
                    found.add((wanted["name"], wanted["key"]))
        for volume in pod.spec["volumes"]:
            if "secret" in volume:
                found.add((volume["secret"]["secretName"], ""))
    return found


def test_secrets_are_valid_objects_and_differ_each_time() -> None:
    first, second = made(), made()
    for one in first:
        assert wrong_by_kubernetes(one, VERSIONS[-1]) == []
    one, other = values(first), values(second)
    same = {key for key in one if one[key] == other[key]}
    assert same == {("mlflow-client", "username")}
    assert all(len(text) >= 20 for key, text in one.items() if key not in same)
    drawn = [text for key, text in one.items() if key not in same and key[1] != "s3.json"]
    assert len(set(drawn)) == len(drawn)


def test_the_object_store_knows_the_key_that_mlflow_shows_and_nothing_more_is_allowed() -> None:
    found = values(made())
    (identity,) = json.loads(found["objects", "s3.json"])["identities"]
    shown = {
        "accessKey": found["objects-mlflow", "access_key"],
        "secretKey": found["objects-mlflow", "secret_key"],
    }
    assert identity["credentials"] == [shown]
    assert all(action.endswith(":mlflow") for action in identity["actions"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_secrets_that_are_made_are_those_that_are_wanted(overlay: str) -> None:
    objects = installation(overlay) if has_kubectl() else raw()
    there = set(values(made()))
    wanted = referred(objects)
    assert {one for one in wanted if one[1]} <= there
    mounted = {name for name, key in wanted if not key}
    unused = {one for one in there - wanted if one[0] not in mounted}
    assert not unused
    roles = (TOP / "k8s" / "base" / "files" / "roles.sh").read_text(encoding="utf-8")
    keys = {key for name, key in there if name == "postgres"}
    assert keys == {"admin", "mlflow", "backup"}
    assert all(f'"$here/{name}"' in roles for name in ("mlflow", "backup"))


def test_secrets_are_not_shown_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], stdout=theirs, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert done.returncode == 2
    assert "kubectl create" in done.stderr
