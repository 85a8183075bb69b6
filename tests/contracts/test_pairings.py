"""Every trick goes with every network, or says why not: the table has no hole, and what it says is so.

Some pairs, of the smallest network of each class, are trained again here, and three of every network, at its full depth, in
the slow tier. What is missing is added by .venv/bin/python tests/golden/pairings.py.
"""

import ast
import importlib
import re

import pytest
import torch
from network_cases import NETWORKS, REPOSITORY
from pairing_cases import LEARNS, REFUSAL, REFUSED, TRAINS, Cell, Pairs
from pairing_networks import TRICKS
from pairing_page import PAGE, class_of_network, page
from pairing_table import GOLDEN, read_table, write_table

TABLE = read_table(GOLDEN)
REMEDY = "run .venv/bin/python tests/golden/pairings.py"
EVERY = 8  # so many tricks are left out for one that is tried again


def wrong_cells(table, name, tricks, folder):
    """The pairs that are not what the table says, and what they are."""
    torch.set_num_threads(1)
    pairs = Pairs(name, folder)
    found = {trick: pairs.cell(trick) for trick in tricks}
    return {trick: str(cell) for trick, cell in found.items() if cell != table[name][trick]}


def one_of_each_class():
    """For every class of networks one file, which is small to build and to train."""
    chosen = {}
    for name in sorted(NETWORKS, key=lambda name: (len(name), name)):
        chosen.setdefault(class_of_network(name), name)
    return sorted(chosen.values())


def test_the_table_has_every_pair_and_no_other():
    assert sorted(TABLE) == NETWORKS, REMEDY
    assert [name for name, row in TABLE.items() if sorted(row) != TRICKS] == [], REMEDY


def test_a_refusal_says_what_is_required_what_there_is_and_what_to_do():
    cells = [cell for row in TABLE.values() for cell in row.values()]
    assert {cell.outcome for cell in cells} <= {LEARNS, TRAINS, REFUSED}
    for cell in cells:
        assert bool(cell.reason) is (cell.outcome != LEARNS)
        if cell.outcome == REFUSED:
            assert REFUSAL.fullmatch(cell.reason)


def test_the_page_is_made_of_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(TABLE), REMEDY


def test_the_table_reads_as_it_was_written(tmp_path):
    write_table(TABLE, tmp_path / "table.yaml")
    assert read_table(tmp_path / "table.yaml") == TABLE
    assert (tmp_path / "table.yaml").read_bytes() == GOLDEN.read_bytes()


@pytest.mark.parametrize("name", one_of_each_class())
def test_some_pairs_are_still_what_the_table_says(name, tmp_path):
    first = one_of_each_class().index(name) % EVERY
    assert wrong_cells(TABLE, name, TRICKS[first::EVERY], tmp_path) == {}


def test_a_wrong_cell_is_found(tmp_path):
    for trick, wrong in (
        ("blur_pool", Cell(LEARNS)),
        ("l2", Cell(REFUSED, "it must not, got it; leave it out")),
    ):
        table = {"dense32": {**TABLE["dense32"], trick: wrong}}
        assert list(wrong_cells(table, "dense32", [trick], tmp_path)) == [trick]


def test_a_missing_pair_is_made_and_nothing_else(tmp_path, monkeypatch):
    made = []
    main = generator(monkeypatch, tmp_path, lambda pairs, trick: made.append((pairs, trick)) or Cell(LEARNS))
    table = {name: dict(row) for name, row in TABLE.items()}
    del table["dense32"]["mixup"], table["linear"]
    write_table({**table, "gone": {"l2": Cell(LEARNS)}}, tmp_path / "table.yaml")
    assert main([]) == 0
    assert made == [("dense32", "mixup"), *(("linear", trick) for trick in TRICKS)]
    assert sorted(read_table(tmp_path / "table.yaml")) == NETWORKS
    made.clear()
    assert main(["linear", "l2"]) == 0
    assert sorted(made) == sorted({("linear", t) for t in TRICKS} | {(name, "l2") for name in NETWORKS})


def test_a_pair_that_is_neither_is_told_and_stays_a_hole(tmp_path, monkeypatch, capsys):
    def broken(pairs, trick):
        raise RuntimeError("sizes do not match")

    main = generator(monkeypatch, tmp_path, broken)
    write_table({name: row for name, row in TABLE.items() if name != "linear"}, tmp_path / "table.yaml")
    assert main([]) == 1
    assert read_table(tmp_path / "table.yaml")["linear"] == {}
    assert "linear + l2: RuntimeError: sizes do not match" in capsys.readouterr().out


def generator(monkeypatch, folder, cell):
    """The main function of the generator, with other cells and another table."""

    class Stub:
        def __init__(self, name, folder):
            self.name = name

        def same_as(self):
            return self.name

        def cell(self, trick):
            return cell(self.name, trick)

    monkeypatch.syspath_prepend(str(GOLDEN.parent))
    module = importlib.import_module("pairings")
    monkeypatch.setattr(module, "Pairs", Stub)
    monkeypatch.setattr(module, "GOLDEN", folder / "table.yaml")
    monkeypatch.setattr(module, "PAGE", folder / "page.md")
    return module.main


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_three_pairs_of_every_network_at_its_full_depth_train_or_are_refused_as_the_table_says(
    name, tmp_path
):
    torch.set_num_threads(1)
    third = len(TRICKS) // 3
    first = NETWORKS.index(name) % third
    pairs = Pairs(name, tmp_path, whole=True)
    for trick in TRICKS[first::third][:3]:
        assert pairs.refused(trick) is (TABLE[name][trick].outcome == REFUSED), trick


def named_networks(source):
    """The classes of networks that a text names, and its imports from their room."""
    tree = ast.parse(source)
    modules = [
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
    ]
    classes = {class_of_network(name) for name in NETWORKS} - set(dir(torch.nn))
    return {name for name in classes if re.search(rf"\b{name}\b", source)} | {
        module for module in modules if module.startswith("podium.networks")
    }


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "platform/podium/tricks").glob("*.py")), ids=lambda path: path.stem
)
def test_no_trick_names_a_network(path):
    assert named_networks(path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    "source",
    ["from podium.networks.vgg import VGG", "import podium.networks", "kind = 'ResNet'", "# as in VGG"],
)
def test_a_trick_that_names_a_network_would_be_found(source):
    assert named_networks(source)
