import shutil
from pathlib import Path

import pytest
import yaml

from podium.run import catalogue
from podium.run.catalogue import (
    COUNTED,
    Claim,
    Counted,
    Entry,
    Published,
    about,
    build_empty,
    count,
    count_all,
    differences,
    read_published,
)
from podium.run.catalogue_pages import layers_page, networks_page
from podium.run.conf import groups
from podium.run.errors import ConfigError
from podium.run.ilsvrc import years
from podium.run.layers import count_layers, differences_of
from podium.run.reference import Measured, pages, references

FOLDER = Path(__file__).parents[2] / "docs" / "catalogue"
pytestmark = pytest.mark.timeout(
    900
)  # counting all takes half a minute, and many times that on a crowded machine
REMEDY = "a network changed or is new: run .venv/bin/python pipelines/catalogue.py and read what it changes"


@pytest.fixture(scope="module")
def published():
    return read_published(FOLDER)


@pytest.fixture(scope="module")
def counted(published):
    return count_all(published)


@pytest.fixture
def folder(tmp_path):
    shutil.copy(FOLDER / "published.yaml", tmp_path)
    return tmp_path


def change(folder, edit):
    """Edit what a published.yaml says."""
    file = folder / "published.yaml"
    known = yaml.safe_load(file.read_text(encoding="utf-8"))
    edit(known)
    file.write_text(yaml.safe_dump(known), encoding="utf-8")


def test_the_pages_are_what_the_pipeline_writes_now(published, counted):
    now = {"networks.md": networks_page(published, counted), "layers.md": layers_page(published)}
    stale = [name for name, page in now.items() if (FOLDER / name).read_text(encoding="utf-8") != page]
    assert not stale, REMEDY


def test_the_reference_boards_are_what_their_pipeline_writes_now(published, counted):
    boards = sorted((FOLDER.parent / "boards").iterdir())
    found = references(published, [Measured.read(board) for board in boards], counted)
    now = pages(found, years(published, counted))
    stale = [name for name, page in now.items() if (FOLDER / name).read_text(encoding="utf-8") != page]
    assert not stale, "run .venv/bin/python pipelines/reference.py and read what it changes"


def test_every_network_is_on_the_page(published, counted):
    page = networks_page(published, counted)
    assert [name for name in groups()["network"] if f"| `{name}` |" not in page] == []


def test_every_difference_is_explained_and_nothing_else_is(counted):
    different = {
        (c.entry.name, claim.figure) for c in counted for claim, _, same in differences(c) if not same
    }
    assert different == {(c.entry.name, figure) for c in counted for figure in c.entry.explained}


def test_every_line_of_a_table_that_differs_has_a_remark(published):
    for table in published.tables:
        entry = published.entries[table.network]
        network, _ = build_empty(entry)
        layers = count_layers(network, entry.shape, table.lines)
        for line, layer in zip(table.lines, layers, strict=True):
            assert bool(differences_of(line, layer)) == bool(line.remark), (line, layer)


def test_the_parameters_and_depths_of_the_keras_table_are_reached_but_for_those_explained(counted):
    claims = [
        (network.entry.name, claim.figure, same)
        for network in counted
        for claim, _, same in differences(network)
        if claim.source == "keras" and claim.figure in ("keras_parameters", "keras_depth")
    ]
    assert len(claims) == 20
    assert [(name, figure) for name, figure, same in claims if not same] == [
        ("mobilenet", "keras_depth"),
        ("resnet50_keras", "keras_depth"),
        ("densenet121", "keras_depth"),
        ("densenet169", "keras_depth"),
        ("densenet201", "keras_depth"),
    ]


def test_an_entry_is_counted_at_full_size():
    entry = Entry("lecture_cnn", "any", (1, 28, 28), 10, 61_482)
    assert count(entry).figures == {
        "parameters": 61_482,
        "keras_parameters": 61_482,
        "weight_layers": 4,
        "keras_depth": 8,
        "size_mib": 61_482 * 4 / 2**20,
        "multiply_adds": 1_361_664,
    }


@pytest.mark.parametrize(
    ("printed", "computed", "agrees"),
    [
        ("25450", 25_450, True),
        ("25450", 25_451, False),
        ("138e6", 138_357_544, True),
        ("138e6", 138_600_000, False),
        ("3.8e9", 3_857_973_248, False),
        ("3.6e9", 3_644_493_824, True),
        ("0.27e6", 269_722, True),
        ("528", 527.79, True),
    ],
)
def test_a_published_figure_agrees_when_the_count_rounds_to_its_digits(printed, computed, agrees):
    assert Claim("parameters", printed, "paper").agrees(computed) is agrees


def test_a_network_without_an_entry_is_refused_with_the_remedy_in_one_line(folder):
    change(folder, lambda known: known["sections"]["ImageNet"].pop("vgg16"))
    with pytest.raises(
        ConfigError, match=r"got none called vgg16; add `vgg16: .+ run .+pipelines/catalogue\.py$"
    ) as error:
        read_published(folder)
    assert "\n" not in str(error.value)


def test_an_entry_without_a_network_is_refused(folder):
    change(folder, lambda known: known["sections"]["ImageNet"].update(vgg17={}))
    with pytest.raises(ConfigError, match=r"must name files of conf/network, got vgg17; take it out$"):
        read_published(folder)


@pytest.mark.parametrize("claims", [{"nobody": {"parameters": 1}}, {"keras": {"colour": 1}}])
def test_an_unknown_source_or_figure_is_refused(folder, claims):
    change(folder, lambda known: known["sections"]["ImageNet"]["vgg16"].update(published=claims))
    with pytest.raises(ConfigError, match=r"must name known figures and sources, got .* of vgg16$"):
        read_published(folder)


def test_a_difference_without_a_reason_is_seen_on_the_page():
    entry = Entry("made_up", "A", (1, 28, 28), 10, 5, claims=(Claim("parameters", "7", "paper"),))
    network = Counted(entry, "words", "classification", "", dict.fromkeys(COUNTED, 5.0))
    page = networks_page(
        Published({"paper": catalogue.Source("A paper", "")}, {"made_up": entry}, ()), [network]
    )
    assert "| `made_up` | parameters | 7 | 5 | NOT EXPLAINED |" in page


def test_a_network_that_is_not_counted_is_listed_with_its_reason(published, counted):
    page = networks_page(published, counted)
    for entry in published.entries.values():
        assert bool(entry.reason) != bool(entry.shape)
        if entry.reason:
            assert f"| `{entry.name}` | {' '.join(entry.reason.split())} |" in page


def test_a_comment_of_several_lines_gives_its_first():
    assert about("dense32").startswith("One hidden layer of 32")
