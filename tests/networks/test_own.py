import sys

import pytest
import torch
from torch import nn

from podium.networks import own
from podium.networks.own import Own

NETS = """
import os
from torch import Tensor, nn
from torch.nn import Linear

open(os.environ["PODIUM_TEST_MARK"], "w").close()


class Net(nn.Module):
    def __init__(self, *, in_shape, num_classes: int, width: int = 4):
        super().__init__()
        if width < 1:
            raise ValueError(f"width must be positive, got {width}")
        self.body = nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.ReLU())
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.head(self.body(x))


class Anything(nn.Linear):
    def __init__(self, **settings):
        super().__init__(4, settings["num_classes"])


class NoShape(nn.Module):
    def __init__(self, num_classes):
        super().__init__()


class NoNetwork:
    pass


def function():
    pass
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A package of a user's, importable and not yet allowed; the file that its import leaves behind."""
    (tmp_path / "podium_test_lab").mkdir()
    (tmp_path / "podium_test_lab" / "__init__.py").write_text("")
    (tmp_path / "podium_test_lab" / "nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("PODIUM_PACKAGES", raising=False)
    mark = tmp_path / "imported"
    monkeypatch.setenv("PODIUM_TEST_MARK", str(mark))
    yield mark
    for name in [name for name in sys.modules if name.startswith("podium_test_lab")]:
        del sys.modules[name]


@pytest.fixture
def allowed(lab, monkeypatch):
    monkeypatch.setenv("PODIUM_PACKAGES", "another_lab, podium_test_lab")


def make(name, **arguments):
    return Own(in_shape=[1, 4, 4], num_classes=3, name=name, arguments=arguments or None)


@pytest.mark.usefixtures("allowed")
def test_a_class_of_an_allowed_package_takes_part():
    network = make("podium_test_lab.nets:Net", width=5)
    assert network(torch.rand(2, 1, 4, 4)).shape == (2, 3)
    assert isinstance(network.output, nn.Linear)
    assert network.output.in_features == 5


@pytest.mark.usefixtures("allowed")
def test_its_own_refusals_come_through():
    with pytest.raises(ValueError, match="width must be positive, got 0"):
        make("podium_test_lab.nets:Net", width=0)


def test_a_package_that_is_not_listed_is_refused_before_it_is_imported(lab):
    with pytest.raises(ValueError, match=r"set the environment variable PODIUM_PACKAGES=podium_test_lab$"):
        make("podium_test_lab.nets:Net")
    assert not lab.exists()
    assert "podium_test_lab" not in sys.modules


def test_without_that_check_it_would_be_imported(lab, monkeypatch):
    monkeypatch.setattr(own, "_check_allowed", lambda module, what: None)
    make("podium_test_lab.nets:Net")
    assert lab.exists()


@pytest.mark.parametrize(
    "listed", ["podium_test", "podium_test_lab_too", "PODIUM_TEST_LAB", "*", "", ",", "podium_test_lab.nets"]
)
def test_only_the_whole_name_of_the_package_allows_it(lab, monkeypatch, listed):
    monkeypatch.setenv("PODIUM_PACKAGES", listed)
    with pytest.raises(ValueError, match="name must be of a package that PODIUM_PACKAGES lists"):
        make("podium_test_lab.nets:Net")
    assert not lab.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "builtins:eval",
        "torch.nn:Linear",
        "torch.hub:load",
        "podium.networks:own",
        "podium.data.digits:Digits",
    ],
)
def test_other_peoples_packages_are_refused(name):
    with pytest.raises(ValueError, match="name must be of a package that PODIUM_PACKAGES lists"):
        make(name)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("podium_test_lab.nets", "must be module:Class"),
        ("podium_test_lab.nets.Net", "must be module:Class"),
        ("podium_test_lab.nets:Net.forward", "must be module:Class"),
        ("podium_test_lab.nets:Net()", "must be module:Class"),
        ("podium_test_lab.nets:__builtins__", "must be module:Class"),
        ("podium_test_lab._nets:Net", "must be module:Class"),
        ("..podium_test_lab:Net", "must be module:Class"),
        ("podium_test_lab/nets:Net", "must be module:Class"),
        ("podium_test_lab.nets:Net\n", "must be module:Class"),
        ("", "must be module:Class"),
        (None, "must be module:Class"),
        (["podium_test_lab.nets:Net"], "must be module:Class"),
        ("podium_test_lab.nothing:Net", "must be importable.+PYTHONPATH"),
        ("podium_test_lab.nets:Nothing", r"must be a class of torch.nn.Module"),
        ("podium_test_lab.nets:function", r"must be a class of torch.nn.Module"),
        ("podium_test_lab.nets:NoNetwork", r"must be a class of torch.nn.Module"),
        ("podium_test_lab.nets:os", r"must be a class of torch.nn.Module"),
        ("podium_test_lab.nets:Linear", r"must be defined in such a package"),
        ("podium_test_lab.nets:NoShape", "must be a class that takes in_shape and num_classes, got .+ with num_classes"),
    ],
)  # fmt: skip
def test_a_name_that_is_no_network_is_refused_in_one_line(name, said):
    with pytest.raises(ValueError, match=said) as caught:
        Own.named_class(name)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("allowed")
def test_a_constructor_that_takes_anything_takes_the_shape():
    assert Own.named_class("podium_test_lab.nets:Anything").__name__ == "Anything"


def test_podiums_own_networks_need_not_be_listed(monkeypatch):
    monkeypatch.delenv("PODIUM_PACKAGES", raising=False)
    assert make("podium.networks.dense:Linear").output.in_features == 16
