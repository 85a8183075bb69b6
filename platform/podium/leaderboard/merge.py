"""Boards of several machines and teams as one: only what was run alike under the same rules, and proven before.

A board that is merged is verified first. What ranks must be the same: rules, metric, seeds, common settings, data,
hardware. An entry stands on the merged board once; who ran one that is there already has reproduced it, not added to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from podium.leaderboard.ablation import Ablation
from podium.leaderboard.board import Board, Entry
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Evidence, read_evidence
from podium.leaderboard.proven import proven
from podium.leaderboard.runs import main_hardware, one_data
from podium.leaderboard.table import Table
from podium.leaderboard.tried import Trial, read_tried
from podium.records.record import RunRecord

ALIKE = (
    "rules",
    "metric",
    "direction",
    "alpha",
    "seeds",
    "overrides",
    "band",
)  # of a board: what a rank depends on


@dataclass(frozen=True)
class Part:
    """One of the boards, as it was published."""

    folder: Path
    board: Board
    entries: list[Entry]
    runs: list[Path]
    records: list[RunRecord]
    tried: list[Trial] | None
    evidence: list[Evidence]

    @classmethod
    def read(cls, folder: Path) -> "Part":
        """The board of a folder.

        Raises:
            ValueError: it is no board that ranks entries, or not what its records say.
        """
        board, entries = proven(folder)
        if isinstance(board, Ablation):
            raise ValueError(f"{folder} must be a board of entries, got an ablation; merge boards alone")
        runs = record_folders(folder)
        records, tried = [RunRecord.load(run) for run in runs], read_tried(folder)
        return cls(folder, board, entries, runs, records, tried, read_evidence(folder))


def merge(folders: Sequence[Path], out: Path) -> Table:
    """Join published boards and write the board of all of them. Name, title and columns are the first's.

    Raises:
        ValueError: one line: what keeps two of them apart, or a folder that is no proven board.
    """
    if len(folders) < 2:
        raise ValueError(f"boards must be two or more to be merged, got {len(folders)}; name another")
    parts = [Part.read(folder) for folder in folders]
    first, *others = parts
    for other in others:
        _check_alike(first, other)
    for place, part in enumerate(parts):
        for other in parts[place + 1 :]:
            _check_apart(part, other)
    board = replace(
        first.board,
        entries=[key for part in parts for key in part.board.entries],
        ensembles=tuple(plan for part in parts for plan in part.board.ensembles),
    )
    entries = [entry for part in parts for entry in part.entries]
    runs = [run for part in parts for run in part.runs]
    evidence = [one for part in parts for one in part.evidence]
    return build(board, entries, runs, out, tried=_tried(parts), evidence=evidence)


def _tried(parts: Sequence[Part]) -> list[Trial] | None:
    """What was tried for all entries, each run once; null where one board does not say."""
    found: dict[tuple[str, str, int], Trial] = {}
    for part in parts:
        if part.tried is None:
            return None
        for trial in part.tried:
            key = (trial.run_key, trial.entry_hash, trial.seed)
            before = found[key].entries if key in found else ()
            found[key] = replace(trial, entries=(*before, *trial.entries))
    return [found[key] for key in sorted(found)]


def _check_alike(first: Part, other: Part) -> None:
    """What two boards rank by is the same."""
    for name in ALIKE:
        _check_same(name, first, other, getattr(first.board, name), getattr(other.board, name))
    data = [one_data(part.records) for part in (first, other)]
    for name in ("name", "content", "split", "test_labels"):
        if None not in data:
            _check_same(f"data's {name}", first, other, *(getattr(one, name) for one in data))
    hardware = [main_hardware(part.records) for part in (first, other)]
    if None not in hardware:
        _check_same("hardware", first, other, *hardware)


def _check_same(what: str, first: Part, other: Part, one: Any, two: Any) -> None:
    if one != two:
        raise ValueError(
            f"{what} must be the same on boards that are merged, got {one!r} in {first.folder} and {two!r} in "
            f"{other.folder}; {REMEDIES.get(what, 'run one of them again as the other')}"
        )


REMEDIES = {
    "hardware": "times do not compare: run one's entries on the other's hardware",
    "seeds": "run the seeds that lack on both",
}


def _check_apart(one: Part, other: Part) -> None:
    """No entry is on both."""
    for what in ("key", "name", "short_hash"):
        there = {getattr(entry, what): entry for entry in one.entries}
        for entry in other.entries:
            if (same := there.get(getattr(entry, what))) is not None:
                raise ValueError(_twice(what, same, entry, one, other))


def _twice(what: str, one: Entry, two: Entry, first: Part, other: Part) -> str:
    where = f"in {first.folder} and {other.folder}"
    if one.entry_hash == two.entry_hash:
        remedy = "leave it out of one: podium reproduce compares both"
        return f"an entry must be on one of the boards, got {one.key} {where}; {remedy}"
    said = {"key": f"the file {one.key}", "name": f"the name {one.name}", "short_hash": one.short_hash}[what]
    return f"entries must differ, got two different ones with {said} {where}; rename one and run it again"
