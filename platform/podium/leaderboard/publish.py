"""A folder for git or any static server: boards with their records, an index, how to cite, a licence, checksums.

Boards are copied byte by byte, so that ``podium verify`` and ``podium reproduce`` work on them there as here. The same
boards make the same folder: dates are those of their newest run.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from podium.leaderboard.board import Board
from podium.leaderboard.build import files_of, record_folders, swap
from podium.leaderboard.proven import proven
from podium.leaderboard.render import template
from podium.leaderboard.rows import read_summary
from podium.records.record import RunRecord

BOARDS_FOLDER, SUMS_FILE, CITATION_FILE = "boards", "SHA256SUMS", "CITATION.cff"
LICENCES = {
    "CC-BY-4.0": (
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/legalcode",
    ),
    "CC0-1.0": (
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    ),
    "ODC-By-1.0": (
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
    ),
}


@dataclass(frozen=True)
class Published:
    """One board of the folder: its definition, its first row, and when its newest run ended."""

    board: Board
    rows: list[dict[str, Any]]
    runs: int
    date: str


def publish(
    folders: Sequence[Path], out: Path, *, title: str, authors: Sequence[str], licence: str
) -> list[Published]:
    """Write the folder. Authors are written ``Family, Given``, as they are cited.

    Raises:
        ValueError: one line: a board that is not as its records say, two of one name, or ``out`` is something else.
    """
    if licence not in LICENCES:
        raise ValueError(f"licence must be one of {', '.join(LICENCES)}, got {licence!r}; choose one of them")
    if bad := [author for author in authors if not re.fullmatch(r"[^,]*\S[^,]*,[^,]*\S[^,]*", author)]:
        raise ValueError(f"author must be 'Family, Given', got {bad[0]!r}; write --author 'Doe, Jane'")
    out = out.absolute()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / SUMS_FILE).is_file())):
        raise ValueError(f"out must be a published folder, an empty one or none, got {out}; name another")
    if (out / ".git").exists():
        raise ValueError(f"out must be a folder of its own, got {out}, which holds .git; name one below it")
    boards = [_read(folder) for folder in folders]
    names = [found.board.name for found in boards]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(
            f"boards must have different names, got {twice[0]} twice; merge them, or leave one out"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".new"))
    try:
        new.chmod(0o755)
        for folder, found in zip(folders, boards, strict=True):
            shutil.copytree(folder, new / BOARDS_FOLDER / found.board.name)
        for name, text in _texts(boards, title=title, authors=authors, licence=licence).items():
            (new / name).write_text(text, encoding="utf-8")
        (new / SUMS_FILE).write_text(_sums(new), encoding="utf-8")
        swap(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return boards


def _read(folder: Path) -> Published:
    """A board that is as its records say."""
    board, _ = proven(folder)
    records = [RunRecord.load(run) for run in record_folders(folder)]
    if not records:
        raise ValueError(f"{folder} must have runs to be published, got none; train them first")
    date = max((record.ended or record.started)[:10] for record in records)
    return Published(board, read_summary(folder)["rows"], len(records), date)


def _texts(
    boards: Sequence[Published], *, title: str, authors: Sequence[str], licence: str
) -> dict[str, str]:
    """Every file that is not a board's."""
    name, address = LICENCES[licence]
    values = {
        "title": title,
        "boards": boards,
        "authors": authors,
        "licence": {"id": licence, "name": name, "address": address},
        "date": max(found.date for found in boards),
        "folder": BOARDS_FOLDER,
        "sums": SUMS_FILE,
        "style": Markup(template("board.css", autoescape=False).render()),
    }
    people = [
        dict(zip(("family-names", "given-names"), map(str.strip, author.split(",")), strict=True))
        for author in authors
    ]
    citation = {
        "cff-version": "1.2.0",
        "message": "If you use these results, please cite them as below.",
        "type": "dataset",
        "title": title,
        "authors": people,
        "license": licence,
        "date-released": values["date"],
        "abstract": " ".join(found.board.description.strip() for found in boards),
    }
    return {
        "index.html": template("published.html.j2", autoescape=True).render(values),
        "README.md": template("published.md.j2", autoescape=False).render(values),
        "LICENSE": template("licence.txt.j2", autoescape=False).render(values),
        CITATION_FILE: yaml.safe_dump(citation, sort_keys=False, allow_unicode=True, width=10_000),
        ".nojekyll": "",  # GitHub's pages leave out what begins with a dot or an underscore without it
    }


def _sums(folder: Path) -> str:
    """Of every file, as ``sha256sum --check`` reads it."""
    found = ((hashlib.sha256((folder / path).read_bytes()).hexdigest(), path) for path in files_of(folder))
    return "".join(f"{digest}  {path}\n" for digest, path in found)
