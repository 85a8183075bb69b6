"""Texts with a class, as people keep them: folders of a class each, tables with a header (CSV, TSV), JSON lines.

Nothing that is wrong with one text ends the reading: it is left out, counted, and said once for its kind.
"""

import csv
import io
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from podium.data.classes import VALIDATION, has_folders, splits

_LOG = logging.getLogger(__name__)
TABLES = (".csv", ".tsv", ".jsonl")
EMPTY, NO_CLASS, NO_UTF8, NO_ROW = (
    "without text",
    "without a class",
    "not in UTF-8",
    "no row of text and class",
)


class Labelled(NamedTuple):
    """One text."""

    text: str
    kind: str
    in_test: bool


class Found(NamedTuple):
    """The texts of a root, whether some are published for testing, and what was left out, with where it stood first."""

    texts: list[Labelled]
    published: bool
    left_out: Counter[str]
    first: dict[str, str]

    def add(self, text: str | None, kind: str | None, *, in_test: bool, where: str) -> None:
        """Take a text, or count why not."""
        text, kind = text or "", (kind or "").strip()
        if not _encodable(text + kind):
            self.leave_out(NO_UTF8, where)
        elif not kind:
            self.leave_out(NO_CLASS, where)
        elif not text.strip():
            self.leave_out(EMPTY, where)
        else:
            self.texts.append(Labelled(text, kind, in_test))

    def leave_out(self, reason: str, where: str) -> None:
        """Count a text that cannot be used."""
        self.left_out[reason] += 1
        self.first.setdefault(reason, where)


def read_texts(root: Path, *, text: str, label: str) -> Found:
    """All texts below a root: a table, a folder of tables named after their splits, or folders of classes.

    ``text`` and ``label`` name the columns of tables. What is left out is said.

    Raises:
        ValueError: there is nothing of the kind, or a table has no such columns.
    """
    tables = _tables(root)
    if tables:
        found = Found([], any(in_test for _, in_test in tables), Counter(), {})
        for file, in_test in tables:
            _read_table(file, found, in_test=in_test, columns=(text, label))
    elif has_folders(root):
        training, test = splits(root)
        found = Found([], test is not None, Counter(), {})
        for split in [*training, *([test] if test else [])]:
            _read_folders(root / split, found, in_test=split == test)
    else:
        raise ValueError(
            f"{root} must be a file of {', '.join(TABLES)}, a folder with train and test of these, or folders of "
            "classes with files *.txt, got neither; set data.root"
        )
    for reason, number in found.left_out.items():
        _LOG.warning(
            "labelled_text: %s texts are %s and left out, the first in %s",
            f"{number:,}",
            reason,
            found.first[reason],
        )
    if not found.texts:
        raise ValueError(f"{root} must hold texts with a class, got none; set data.root to another")
    return found


def _tables(root: Path) -> list[tuple[Path, bool]]:
    """Tables with whether they are for testing: validation is carved from all that are not."""
    if root.is_file():
        return [(root, False)] if root.suffix in TABLES else []
    named = {
        stem: file
        for suffix in TABLES
        for stem in ("train", *VALIDATION, "test")
        if (file := root / f"{stem}{suffix}").is_file()
    }
    if "train" not in named:
        return []
    return [(file, stem == "test") for stem, file in named.items()]


def _read_folders(root: Path, found: Found, *, in_test: bool) -> None:
    others = 0
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "."):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            if file.suffix == ".txt":
                found.add(_decoded(file), folder.name, in_test=in_test, where=str(file))
            else:
                others += 1
    if others:
        _LOG.warning("labelled_text: %s files below %s are not *.txt and not looked at", f"{others:,}", root)


def _read_table(file: Path, found: Found, *, in_test: bool, columns: tuple[str, str]) -> None:
    rows = _json_rows(file) if file.suffix == ".jsonl" else _csv_rows(file, columns)
    for line, row in rows:
        where = f"{file}, line {line}"
        if row is None:
            found.leave_out(NO_ROW, where)
        else:
            text, kind = (_word(row.get(column)) for column in columns)
            found.add(text, kind, in_test=in_test, where=where)


def _csv_rows(file: Path, columns: tuple[str, str]) -> Iterator[tuple[int, dict[str, object] | None]]:
    """Rows by line; None for one of another length than the header.

    Raises:
        ValueError: the header has no such columns, or the file is no table.
    """
    csv.field_size_limit(sys.maxsize)
    content = io.StringIO(_decoded(file), newline="")
    plain = file.suffix == ".tsv"
    table = csv.reader(content, delimiter="\t", quoting=csv.QUOTE_NONE) if plain else csv.reader(content)
    try:
        header = next(table, [])
        if missing := [column for column in columns if column not in header]:
            raise ValueError(
                f"{file} must have the column {missing[0]}, got {', '.join(header[:20]) or 'an empty file'}; "
                "set data.columns.text and data.columns.label"
            )
        for row in table:
            if row:
                fits = len(row) == len(header)
                yield table.line_num, dict(zip(header, row, strict=True)) if fits else None
    except csv.Error as error:
        raise ValueError(f"{file} must be a table, got {error} in line {table.line_num}; mend it") from None


def _json_rows(file: Path) -> Iterator[tuple[int, dict[str, object] | None]]:
    for line, content in enumerate(_decoded(file).split("\n"), start=1):
        if content.strip():
            try:
                row = json.loads(content)
            except ValueError:
                row = None
            yield line, row if isinstance(row, dict) else None


def _word(value: object) -> str | None:
    """A cell as text; numbers may name classes, nothing else does."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) else None


def _decoded(file: Path) -> str:
    """The content with whatever is no UTF-8 as lone surrogates, which ``Found.add`` finds."""
    return file.read_bytes().decode("utf-8-sig", errors="surrogateescape")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
