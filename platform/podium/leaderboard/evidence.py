"""What a command found when it repeated a board's results: files of JSON beside the board, in ``evidence/``.

A file says which badge, of which rows and seeds, the values found beside those published, the hash of every record that it
speaks of, and where and when. It is an input of the page as the records are; which of it counts is decided in badges.py.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from podium.records.environment import Environment
from podium.records.record import canonical_json

EVIDENCE_FOLDER = "evidence"
SCHEMA = 1


class Badge(StrEnum):
    """What evidence can show of a row, from the least to the most; a row without any is self-reported."""

    CHECKED = "checked"
    RE_EVALUATED = "re-evaluated"
    REPRODUCED = "reproduced"


@dataclass(frozen=True)
class Award:
    """The highest badge of a row, and all evidence that counts for it: badge, file, what was found in words."""

    badge: Badge
    lines: tuple[tuple[Badge, str, str], ...]


@dataclass(frozen=True)
class Found:
    """One seed: the SHA-256 of its record, its published metrics and those found, by logged name.

    ``files`` are SHA-256 of files that the repetition read or made; ``change`` is the largest of a saved answer.
    """

    seed: int
    record: str
    published: Mapping[str, float]
    found: Mapping[str, float]
    files: Mapping[str, str]
    change: float | None = None


@dataclass(frozen=True)
class Finding:
    """What was found of one entry."""

    entry_hash: str
    name: str
    runs: tuple[Found, ...]


@dataclass(frozen=True)
class Evidence:
    """One file. ``metric`` and ``band`` are those by which a new training is judged, null for other badges."""

    badge: Badge
    command: str
    date: str
    environment: Environment
    rows: tuple[Finding, ...]
    metric: str | None = None
    band: float | None = None

    @property
    def content(self) -> bytes:
        """The file's bytes: the same for the same evidence."""
        return (canonical_json({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n").encode()

    @property
    def file(self) -> str:
        """The file's path on a board: named by its content, so that evidence of several boards never collides."""
        return f"{EVIDENCE_FOLDER}/{self.badge}-{hashlib.sha256(self.content).hexdigest()[:12]}.json"

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Evidence":
        """The evidence of plain values.

        Raises:
            ValueError: it is of another schema, or not whole.
        """
        if raw.get("schema") != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}, got {raw.get('schema')!r}")
        known = {key: value for key, value in raw.items() if key != "schema"}
        try:
            known["badge"] = Badge(raw["badge"])
            known["environment"] = Environment(**raw["environment"])
            known["rows"] = tuple(_finding(row) for row in raw["rows"])
            return cls(**known)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it must be whole, got {error!r}") from None


def _finding(raw: Mapping[str, Any]) -> Finding:
    runs = tuple(Found(**{**run, **_numbers(run)}) for run in raw["runs"])
    return Finding(**{**raw, "runs": runs})


def _numbers(run: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Metrics as numbers: those that are not finite stand as text."""
    return {what: {name: float(v) for name, v in run[what].items()} for what in ("published", "found")}


def read_evidence(report: Path) -> list[Evidence]:
    """All evidence beside a board, in the order of its files; none where the folder is not there.

    Raises:
        ValueError: a file is damaged.
    """
    found = []
    for path in sorted((report / EVIDENCE_FOLDER).glob("*.json")):
        try:
            found.append(Evidence.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, AttributeError) as error:
            text = " ".join(str(error).split())
            raise ValueError(
                f"{path} must be evidence, got {text}; restore it, or delete it and build the board again"
            ) from None
    return found


def without_twins(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Each piece once, in the order of their files."""
    by_file = {one.file: one for one in evidence}
    return [by_file[file] for file in sorted(by_file)]
