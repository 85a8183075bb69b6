"""Reference boards: published figures keep their digits and their source, and measured ones stand beside them."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from podium.run import reference
from podium.run.catalogue import Claim, Counted, Entry, Published, Source, read_published
from podium.run.errors import ConfigError
from podium.run.ilsvrc import Person, Years
from podium.run.reference import NOT_MEASURED, Measured, Reference, count_referenced, pages, references

DOCS = Path(__file__).parents[2] / "docs"
NO_YEARS = Years("Years", "None.", (), Person("5.1", Source("A paper", "https://example.org"), "One."))


def published_of(*claims: Claim, others: list[dict[str, Any]] | None = None) -> Published:
    """Figures of one network, on one reference board."""
    entry = Entry("mnist1d_cnn", "any", (1, 40), 10, 5210, claims=claims)
    raw = {
        "title": "Signals",
        "about": "Errors.",
        "data": "mnist1d",
        "sources": ["paper"],
        "others": others or [],
    }
    return Published(
        {"paper": Source("A paper", "https://example.org")}, {entry.name: entry}, (), {"mnist1d": raw}
    )


def shown(published: Published, measured: list[Measured] | None = None) -> Reference:
    counted = [
        Counted(entry, "", "", "", {"parameters": 5210.0, "keras_parameters": 5210.0, "weight_layers": 4.0})
        for entry in published.entries.values()
    ]
    (found,) = references(published, measured or [], counted)
    return found


@pytest.fixture(scope="module")
def board() -> Measured:
    """A board that was measured."""
    return Measured.read(DOCS / "boards" / "mnist1d")


def test_an_accuracy_is_shown_as_the_error_that_is_left_in_its_digits() -> None:
    (line,) = shown(published_of(Claim("top1_accuracy", "0.715", "paper"))).lines
    assert [error.published for error in line.errors] == ["28.5", "–"]


def test_what_nobody_measured_here_is_said_to_be_so() -> None:
    found = shown(published_of(Claim("top1_error", "24.4", "paper")))
    (line,) = found.lines
    assert [(error.published, error.measured, error.gap) for error in line.errors] == [
        ("24.4", NOT_MEASURED, ""),
        ("–", "–", ""),
    ]
    assert found.boards == ()
    assert "| 24.4 | not measured |" in pages([found], NO_YEARS)["reference.md"]


def test_a_measured_row_stands_beside_with_its_interval_and_gap(board: Measured) -> None:
    (line,) = shown(published_of(Claim("top1_accuracy", "0.94", "paper")), [board]).lines
    top1 = line.errors[0]
    assert (top1.published, top1.measured, top1.gap) == ("6", "7.46 (6.37 to 8.55)", "+1.46")
    assert line.row == "row 1, Convolutional network"
    assert line.counted == "5,210"


def test_a_network_is_found_by_what_it_is_and_not_by_its_name(board: Measured) -> None:
    found = {name: board.row(name) for name in ("linear", "mnist1d_mlp", "dense32")}
    assert {name: row and row.entry.key for name, row in found.items()} == {
        "linear": "mnist1d_logistic",
        "mnist1d_mlp": "mnist1d_mlp",
        "dense32": None,
    }


@pytest.mark.parametrize(("value", "verdict"), [("5210", "yes"), ("5211", "no")])
def test_counted_parameters_are_compared_to_the_last_digit(value: str, verdict: str) -> None:
    (line,) = shown(published_of(Claim("parameters", value, "paper"))).lines
    assert (line.parameters, line.counted, line.verdict) == (f"5,21{value[-1]}", "5,210", verdict)


def test_a_system_that_is_no_network_here_has_its_figures_alone() -> None:
    others = [{"name": "Seven networks", "source": "paper", "published": {"top5_error": "15.4"}}]
    line = shown(published_of(Claim("top1_error", "18", "paper"), others=others)).lines[-1]
    assert (line.name, line.errors[1].published, line.counted) == ("Seven networks", "15.4", "–")


def test_a_board_on_other_data_is_not_set_beside(board: Measured) -> None:
    published = published_of(Claim("top1_error", "6", "paper"))
    raw = {**published.references["mnist1d"], "data": "imagenet"}
    with pytest.raises(ConfigError, match=r"the board mnist1d must be on imagenet .* got mnist1d in"):
        references(Published(published.sources, published.entries, (), {"mnist1d": raw}), [board], [])


def test_two_boards_of_one_name_are_refused(board: Measured) -> None:
    with pytest.raises(ConfigError, match="boards must have different names"):
        shown(published_of(), [board, board])


def test_every_figure_of_a_reference_board_has_a_source_that_is_known() -> None:
    published = read_published(DOCS / "catalogue")
    for raw in published.references.values():
        named = [*raw["sources"], *(other["source"] for other in raw.get("others", ()))]
        assert set(named) <= set(published.sources)


def test_the_lectures_tables_are_on_the_imagenet_board() -> None:
    """Table 4 of He et al. and Keras' table, as errors and parameters."""
    published = read_published(DOCS / "catalogue")
    kept = {"imagenet": published.references["imagenet"]}
    names = {entry.name for entry in published.entries.values() if entry.claims}
    blank = [Counted(published.entries[name], "", "", "", {}) for name in names]
    (found,) = references(Published(published.sources, published.entries, (), kept), [], blank)
    rows = {
        (line.name, line.source.split(" ")[0]): [error.published for error in line.errors]
        for line in found.lines
    }
    he = {
        "vgg16": ["24.4", "7.1"],
        "googlenet": ["–", "7.89"],
        "bn_inception": ["21.99", "5.81"],
        "resnet34": ["21.84", "5.71"],
        "resnet34_c": ["21.53", "5.60"],
        "resnet50": ["20.74", "5.25"],
        "resnet101": ["19.87", "4.60"],
        "resnet152": ["19.38", "4.49"],
        "VGG, as sent to ILSVRC 2014": ["–", "8.43"],
        "prelu_net_c": ["21.59", "5.71"],
    }
    keras = {
        "xception": ("22,910,480", ["21.0", "5.5"]),
        "vgg16": ("138,357,544", ["28.5", "9.9"]),
        "vgg19": ("143,667,240", ["27.3", "9.0"]),
        "resnet50_keras": ("25,636,712", ["24.1", "7.1"]),
        "inception_v3_keras": ("23,851,784", ["21.2", "5.6"]),
        "inception_resnet_v2": ("55,873,736", ["19.6", "4.7"]),
        "mobilenet": ("4,253,864", ["33.5", "12.9"]),
        "densenet121": ("8,062,504", ["25.5", "8.2"]),
        "densenet169": ("14,307,880", ["24.1", "7.2"]),
        "densenet201": ("20,242,984", ["23.0", "6.7"]),
    }
    assert {name: rows[name, "He"] for name in he} == he
    assert {name: rows[name, "Keras"] for name in keras} == {
        name: errors for name, (_, errors) in keras.items()
    }
    said = {line.name: line.parameters for line in found.lines if line.source.startswith("Keras")}
    assert said == {name: parameters for name, (parameters, _) in keras.items()}


def test_only_referenced_networks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "count", lambda entry: entry.name)
    counted = count_referenced(read_published(DOCS / "catalogue"))
    assert {"vgg16", "linear", "cifar_resnet20"} <= set(counted)
    assert "lenet5" not in counted


def test_a_folder_that_is_no_board_is_named(tmp_path: Path) -> None:
    shutil.copy(DOCS / "boards" / "mnist1d" / "leaderboard.md", tmp_path)
    with pytest.raises(ConfigError, match="must be the folder of a board"):
        Measured.read(tmp_path)
