"""The pairing table as a file that diffs well: one line for each trick on each network."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from network_cases import REPOSITORY
from pairing_cases import Cell

GOLDEN = REPOSITORY / "tests" / "golden" / "pairings.yaml"
HEAD = "# Every trick on every network, made by tests/golden/pairings.py; docs/catalogue/pairings.md explains it.\n"

Table = Mapping[str, Mapping[str, Cell]]


def read_table(path: Path) -> dict[str, dict[str, Cell]]:
    """The cells by network and trick; none where there is no file."""
    known = (yaml.load(path.read_bytes(), yaml.CSafeLoader) if path.is_file() else None) or {}
    return {name: {trick: Cell.read(text) for trick, text in row.items()} for name, row in known.items()}


def write_table(table: Table, path: Path) -> None:
    """Write the cells, in the order of their names."""
    texts = {name: {trick: str(cell) for trick, cell in row.items()} for name, row in table.items()}
    path.write_text(
        HEAD + yaml.dump(texts, Dumper=yaml.CSafeDumper, width=10**6, allow_unicode=True), encoding="utf-8"
    )
