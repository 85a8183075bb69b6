"""Binding: which targets may be named, and that every value has its parameter and type."""

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from podium.networks.lenet import LeNet5
from podium.run import bind
from podium.run.assemble import compose
from podium.run.bind import ALLOWED, NAMED_BLOCKS, check_targets, check_values, locate
from podium.run.build import make
from podium.run.errors import ConfigError

DENSE = "{widths: [8], activation: relu, dropout: 0.0, norm: none, use_bias: true, output_too: false}"
MARK = """
def touch(*, path):
    open(path, "w").close()


class Touch:
    def __init__(self, *, path: str) -> None:
        touch(path=path)
"""


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that anyone could have written, whose function and class leave a file behind."""
    (tmp_path / "stranger_module.py").write_text(MARK)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "stranger_module"
    sys.modules.pop("stranger_module", None)


@pytest.mark.parametrize("name", ["touch", "Touch"])
@pytest.mark.parametrize("group", sorted(ALLOWED))
def test_a_strangers_target_is_refused_before_it_is_imported(stranger: str, name: str, group: str) -> None:
    config = compose(["tricks=[l2]"])
    node = {"_target_": f"{stranger}.{name}", "path": "marker"}
    with pytest.raises(ConfigError, match=rf"{group}.*_target_ must name a class below"):
        check_targets({**config, group: {"one": node} if group in NAMED_BLOCKS else node})
    assert stranger not in sys.modules


@pytest.mark.parametrize("group", ["network", "data", "initializer"])
def test_a_strangers_target_deep_in_a_block_is_refused(stranger: str, group: str) -> None:
    config = compose([])
    where = {"network": "activation", "data": "split", "initializer": "exceptions"}[group]
    node = {"_target_": f"{stranger}.Touch", "path": "marker"}
    nested = {"output": node} if group == "initializer" else node
    with pytest.raises(ConfigError, match=rf"{group}.{where}.*_target_ must name a class below"):
        check_targets({**config, group: {**config[group], where: nested}})
    assert stranger not in sys.modules


def test_without_the_allow_list_the_stranger_would_be_called(
    stranger: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    config = compose([])
    config["network"] = {"_target_": f"{stranger}.Touch", "path": str(marker)}

    def check_and_make() -> None:
        check_targets(config)
        make(config["network"], "network")

    with pytest.raises(ConfigError, match=r"must name a class below podium\.networks"):
        check_and_make()
    assert not marker.exists()
    monkeypatch.setattr(bind, "ALLOWED", {**ALLOWED, "network": ("stranger_module.",)})
    check_and_make()
    assert marker.exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("os.system", "must name a class below podium.networks"),
        ("podium.networks_of_a_stranger.X", "must name a class below podium.networks"),
        ("podium.networks", "must name a class below"),
        ("podium.networks._private.X", "must name a class below"),
        ("podium.networks.lenet._private", "must name a class below"),
        ("podium.networks.lenet.__builtins__", "must name a class below"),
        ("podium.networks.nothing.X", "must be importable"),
        ("podium.networks.lenet.Nothing", "must be a class"),
        ("podium.networks.lenet.nn", "must be a class"),
        ("podium.networks.lenet.Tensor", "must be defined where it is named"),
        (["podium.networks.lenet.LeNet5"], "must name a class below"),
        (None, "must name a class below"),
    ],
)
def test_a_target_must_be_a_class_of_its_groups_packages(target: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        locate(target, "network", "network")


class Owner:
    def __init__(
        self,
        *,
        p: float,
        count: int,
        kind: Literal["none", "before"],
        widths: Sequence[int],
        pair: tuple[float, float],
        name: str | None,
        flags: Mapping[str, Any],
        extra: bool = False,
    ) -> None:
        pass


RIGHT: dict[str, Any] = {
    "p": 0.5,
    "count": 3,
    "kind": "none",
    "widths": [1, 2],
    "pair": [0.9, 0.99],
    "name": None,
    "flags": {"a": 1},
}


def test_right_values_are_bound() -> None:
    check_values(Owner, RIGHT, "block")
    check_values(Owner, {**RIGHT, "p": 1, "pair": [0, 1], "name": "x", "extra": True}, "block")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("p", "high", r"block.p must be float, got 'high' \(str\)"),
        ("p", True, r"block.p must be float, got True \(bool\)"),
        ("p", None, r"block.p must be float, got None"),
        ("count", 2.5, r"block.count must be int, got 2.5 \(float\)"),
        ("count", False, r"block.count must be int, got False"),
        ("kind", "after", r"block.kind must be one of none, before, got 'after'"),
        ("widths", 3, r"block.widths must be .*Sequence\[int\], got 3"),
        ("widths", ["a"], r"block.widths must be .*Sequence\[int\]"),
        ("pair", [0.9], r"block.pair must be tuple\[float, float\], got \[0.9\]"),
        ("name", 5, r"block.name must be str \| null, got 5"),
        ("flags", [1], r"block.flags must be .*Mapping"),
        ("extra", 1, r"block.extra must be bool, got 1"),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_path(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_values(Owner, {**RIGHT, key: value}, "block")


def test_an_unknown_key_is_told_the_nearest_parameter() -> None:
    with pytest.raises(ConfigError, match=r"block.cuont is not a parameter of Owner; did you mean count\?"):
        check_values(Owner, {**RIGHT, "cuont": 1}, "block")


@pytest.mark.parametrize("key", list(RIGHT))
def test_a_missing_parameter_is_named(key: str) -> None:
    values = {name: value for name, value in RIGHT.items() if name != key}
    with pytest.raises(ConfigError, match=rf"block needs block.{key}, got nothing; set block.{key}="):
        check_values(Owner, values, "block")


def test_what_the_composition_root_hands_over_need_not_and_must_not_be_given() -> None:
    values = {name: value for name, value in RIGHT.items() if name != "widths"}
    check_values(Owner, values, "block", given={"widths"})
    with pytest.raises(ConfigError, match=r"block.widths is not a parameter"):
        check_values(Owner, RIGHT, "block", given={"widths"})


def test_weights_of_the_network_are_no_argument_of_its_constructor() -> None:
    assert "weights" not in inspect.signature(LeNet5).parameters
    for value in (None, "torchvision"):
        check_targets(
            {**compose([]), "network": {**compose(["network=lenet5"])["network"], "weights": value}}
        )
    with pytest.raises(ConfigError, match=r"network\.weights must be str \| null, got \['a'\] \(list\)"):
        compose(["network.weights=[a]"])


def test_weights_are_a_key_of_the_network_alone() -> None:
    config = compose(
        ["network=own", "network.name=podium.networks.dense:Dense", f"network.arguments={DENSE}"]
    )
    with pytest.raises(ConfigError, match=r"data\.weights is not a parameter"):
        check_targets({**config, "data": {**config["data"], "weights": None}})
    inner = {**config["network"], "weights": "torchvision"}
    nested = {**config["network"], "arguments": {**config["network"]["arguments"], "activation": inner}}
    with pytest.raises(ConfigError, match=r"network\.arguments\.activation\.weights is not a parameter"):
        check_targets({**config, "network": nested})


@pytest.mark.parametrize("node", ["activation", "widths"])
def test_a_strangers_target_among_the_arguments_of_an_own_network_is_refused(
    stranger: str, node: str
) -> None:
    config = compose(
        ["network=own", "network.name=podium.networks.dense:Dense", f"network.arguments={DENSE}"]
    )
    strange = {"_target_": f"{stranger}.Touch", "path": "marker"}
    for arguments in ({**config["network"]["arguments"], node: strange}, strange):
        with pytest.raises(ConfigError, match=r"network\.arguments"):
            check_targets({**config, "network": {**config["network"], "arguments": arguments}})
    assert stranger not in sys.modules


def test_a_strangers_network_is_refused_by_its_name_before_it_is_imported(stranger: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^network\.name must be of a package .+PODIUM_PACKAGES={stranger}$"
    ):
        compose(["network=own", f"network.name={stranger}:Touch"])
    assert stranger not in sys.modules


def test_a_configuration_cannot_allow_itself(stranger: str) -> None:
    for more in (
        "+network.packages=[{0}]",
        "+packages=[{0}]",
        "+runtime.packages=[{0}]",
        "+env.PODIUM_PACKAGES={0}",
    ):
        with pytest.raises(ConfigError, match=r"is not a (parameter|key)|name must be of a package"):
            compose(["network=own", f"network.name={stranger}:Touch", more.format(stranger)])
    assert stranger not in sys.modules


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{widths: [8]}", r"network\.arguments needs network\.arguments\."),
        ("{wdiths: [8]}", r"network\.arguments\.wdiths is not a parameter of Dense; did you mean widths\?"),
        (DENSE.replace("relu", "rleu"), r"network\.arguments\.activation must be one of relu"),
        (DENSE.replace("[8]", "wide"), r"network\.arguments\.widths must be"),
        (DENSE.replace("{", "{num_classes: 3, "), r"network\.arguments\.num_classes is not a parameter"),
        ("3", r"network\.arguments must be"),
    ],
)
def test_the_arguments_of_an_own_network_are_bound_to_its_constructor(arguments: str, said: str) -> None:
    own = ["network=own", "network.name=podium.networks.dense:Dense"]
    assert compose([*own, f"network.arguments={DENSE}"])["network"]["arguments"]["widths"] == [8]
    with pytest.raises(ConfigError, match=said):
        compose([*own, f"network.arguments={arguments}"])


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_hydras_other_special_keys_are_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"network.{key} is not allowed"):
        compose([f"+network.{key}=[1]"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.lr=high", "optimizer.lr must be"),
        ("optimizer.amsgrad=1", "optimizer.amsgrad must be bool"),
        ("schedule.factor=half", "schedule.factor must be"),
    ],
)
def test_torchs_own_constructors_have_their_types_checked(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        compose([override])
