import pytest

from podium.run.errors import ConfigError
from podium.sweep.rays import joined_ray
from podium.sweep.settings import make_cluster
from podium.sweep.shipping import Seen, compare, digest, packages, shipped

MINE = Seen(code="a", packages={"python": "3.11.9", "torch": "2.15.0"}, shares_folder=True)


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (Seen("b", MINE.packages, True), "must run this podium"),
        (Seen("a", {**MINE.packages, "torch": "2.14.1"}, True), "torch 2.14.1 for 2.15.0"),
        (Seen("a", {"python": "3.11.9"}, True), "torch none for 2.15.0"),
        (Seen("a", MINE.packages, False), "must share the folder"),
    ],
)
def test_a_node_that_differs_is_named_with_what_to_do(theirs, told, tmp_path):
    with pytest.raises(ConfigError, match=told) as error:
        compare("10.0.0.7", MINE, theirs, tmp_path)
    assert str(error.value).startswith("node 10.0.0.7 must")
    compare("10.0.0.7", MINE, MINE, tmp_path)


def test_what_is_shipped_is_the_package_with_the_configurations_and_its_hash_sees_any_change():
    with shipped() as package:
        assert (package / "conf" / "train.yaml").is_file()
        assert (package / "sweep" / "shipping.py").is_file()
        assert not list(package.rglob("*.pyc"))
        before = digest(package)
        (package / "conf" / "train.yaml").write_text("seed: 1")
        assert digest(package) != before
        place = package
    assert not place.exists()
    with shipped() as again:
        assert digest(again) == before


def test_packages_are_those_that_podium_requires():
    found = packages()
    assert {"python", "torch", "ray", "mlflow", "numpy"} <= found.keys()
    assert not {"ruff", "timm"} & found.keys()


@pytest.mark.parametrize("address", ["somewhere", "ray://head:10001", "http://head:8265", "head:port", ""])
def test_an_address_that_no_cluster_has_is_refused(address):
    with pytest.raises(ConfigError, match=r"cluster\.address must be local, auto or HOST:PORT"):
        make_cluster({"address": address, "cpus": None, "gpus_per_trial": 0.0})


def test_a_cluster_is_not_joined_without_a_token(monkeypatch):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="needs the cluster's token, got none"), joined_ray("10.0.0.7:6379"):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999"])
def test_a_cluster_that_is_not_there_is_told_at_once(address, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 32)
    with pytest.raises(ConfigError, match="must be that of a running cluster"), joined_ray(address):
        pass
