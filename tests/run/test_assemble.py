"""Composing: where each value comes from, what makes an entry, and that no word is ignored in silence."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from podium.records.record import entry_hash
from podium.run.assemble import board_and_out, check_run, compose, compose_seeds, keys, load_board
from podium.run.conf import groups
from podium.run.errors import ConfigError


def one(*overrides: str) -> dict[str, Any]:
    """A configuration that is composed and not checked, which is quick."""
    (config,) = compose_seeds(overrides, seeds=None)
    return config


@pytest.mark.parametrize("name", groups()["data"])
def test_facts_of_the_data_reach_network_and_task(name: str) -> None:
    config = one(f"data={name}", "network=dense32")
    assert config["network"]["in_shape"] == config["data"]["shape"]
    assert config["network"]["num_classes"] == config["data"]["num_classes"] == config["task"]["num_classes"]


def test_seed_and_folder_reach_the_data() -> None:
    config = one("seed=7", "paths.data=elsewhere")
    assert (config["data"]["seed"], config["data"]["root"]) == (7, "elsewhere")


def test_nothing_of_hydra_or_omegaconf_is_left() -> None:
    def plain(value: Any) -> bool:
        if type(value) is dict:
            return all(type(key) is str and plain(item) for key, item in value.items())
        if type(value) is list:
            return all(plain(item) for item in value)
        return value is None or type(value) in (str, int, float, bool)

    config = compose(["entry=lecture_cnn_dropout_l2"])
    assert plain(config)
    assert {"hydra", "entry"}.isdisjoint(config)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], "lecture_cnn"),
        (["network=linear"], "linear"),
        (["network=linear", "tricks=[l2,dropout]"], "linear + l2 + dropout"),
        (["network=linear", "name=mine"], "mine"),
        (["entry=lecture_cnn_dropout_l2"], "lecture CNN, dropout + L2"),
    ],
)
def test_a_run_without_a_name_is_called_by_its_network_and_tricks(overrides: list[str], name: str) -> None:
    assert one(*overrides)["name"] == name


@pytest.mark.parametrize("order", ["dropout,l2,ema", "ema,l2,dropout", "l2,ema,dropout"])
def test_tricks_stand_in_the_order_of_their_selection(order: str) -> None:
    assert list(one(f"tricks=[{order}]")["tricks"]) == order.split(",")


def test_a_value_of_a_trick_is_overridden_by_its_path() -> None:
    assert one("tricks=[dropout]", "tricks.dropout.p=0.25")["tricks"]["dropout"]["p"] == 0.25


@pytest.mark.parametrize("network", groups()["network"])
def test_every_network_names_its_task(network: str) -> None:
    assert one(f"network={network}")["task"]["_target_"].startswith("podium.tasks.")


@pytest.mark.parametrize("entry", groups()["entry"])
def test_every_entry_is_a_whole_run(entry: str) -> None:
    config = compose([f"entry={entry}"])
    assert config["name"]
    check_run(config)


def test_the_entries_of_a_board_are_different_experiments() -> None:
    board = load_board("digits")
    assert len({entry_hash(one(*board.overrides, f"entry={e}")) for e in board.entries}) == len(board.entries)


def test_an_entry_chooses_its_network_and_tricks() -> None:
    config = one("entry=lecture_cnn_dropout_l2")
    assert config["network"] == one("network=lecture_cnn")["network"]
    assert list(config["tricks"]) == ["dropout", "l2"]
    assert config["tricks"]["dropout"]["p"] == 0.2


def test_many_seeds_give_what_each_gives_alone() -> None:
    overrides = ["network=dense32", "tricks=[mixup]", "trainer.max_epochs=2"]
    together = compose_seeds(overrides, seeds=[0, 3, 5])
    assert together == [compose([*overrides, f"seed={seed}"]) for seed in (0, 3, 5)]


SAME = [
    "seed=9",
    "name=other",
    "runtime.accelerator=cpu",
    "runtime.threads=4",
    "runtime.groups=[a]",
    "+runtime.tags.a=b",
    "paths.runs=elsewhere",
    "paths.data=elsewhere",
    "tracking=none",
    "tracking.experiment=other",
]


@pytest.mark.parametrize("override", SAME)
def test_what_cannot_change_the_experiment_is_not_part_of_the_entry(override: str) -> None:
    config = one(override)
    assert config != one()
    assert entry_hash(config) == entry_hash(one())


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value of a configuration."""
    if isinstance(node, Mapping) and node:
        return [leaf for key, value in node.items() for leaf in leaves(value, (*path, key))]
    return [path]


def test_every_other_value_is_part_of_the_entry() -> None:
    config = one("tricks=[dropout,ema]")
    left_out = {("name",), ("seed",), ("data", "root"), ("data", "seed")}
    free = [p for p in leaves(config) if p in left_out or p[0] in ("runtime", "paths", "tracking")]
    binding = [p for p in leaves(config) if p not in free]
    assert len(binding) > 30
    for path in binding + free:
        changed = copy.deepcopy(config)
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = "something else"
        assert (entry_hash(changed) == entry_hash(config)) == (path in free), path


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("network=lenet", "lenet5"),
        ("tricks=[dropuot]", "dropout"),
        ("trainer.max_epoch=1", "trainer.max_epochs"),
        ("trianer.max_epochs=1", "trainer.max_epochs"),
        ("optimizer.weight_deacy=1", "optimizer.weight_decay"),
        ("data.split.tets=0.1", "data.split.test"),
        ("runtime.thread=1", "runtime.threads"),
        ("sed=1", "seed"),
    ],
)
def test_a_wrong_key_is_told_the_nearest_right_one(override: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"did you mean {nearest}\?"):
        one(override)


def test_the_fault_is_named_among_right_overrides() -> None:
    with pytest.raises(ConfigError, match=r"^tricks.l2.strenght is not a key"):
        one("network=linear", "tricks=[l2]", "tricks.l2.strenght=1", "seed=1")


@pytest.mark.parametrize(
    "block", ["network", "initializer", "data", "optimizer", "schedule", "task", "trainer"]
)
def test_no_key_added_to_a_block_is_ignored(block: str) -> None:
    with pytest.raises(ConfigError, match=rf"{block}.nothing is not a parameter"):
        compose([f"+{block}.nothing=1"])


@pytest.mark.parametrize("block", ["runtime", "paths", "data.split", "data.view"])
def test_no_key_added_to_a_plain_block_is_ignored(block: str) -> None:
    with pytest.raises(ConfigError, match=rf"{block}.nothing is not a parameter"):
        compose([f"+{block}.nothing=1"])


def test_no_group_of_another_command_is_ignored() -> None:
    for override in ("board=digits", "search=grid", "cluster=local", "sweep=init_dropout"):
        with pytest.raises(ConfigError):
            one(override)


def test_keys_are_those_of_every_level() -> None:
    assert list(keys({"a": {"b": 1, "c": {}}, "d": [1]})) == ["a", "a.b", "a.c", "d"]


def test_a_board_is_loaded_with_its_overrides_and_folder() -> None:
    board, out = board_and_out(["board=digits", "board.alpha=0.1", "out=elsewhere"])
    assert (board.name, board.alpha, str(out)) == ("digits", 0.1, "elsewhere")
    assert str(board_and_out([])[1]) == "reports/digits"
    with pytest.raises(ConfigError, match=r"conf/board/digits.yaml: alpha must be between 0 and 1"):
        board_and_out(["board.alpha=2.0"])
