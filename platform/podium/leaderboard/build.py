"""Build a board's folder from runs: whole or not at all, and the same bytes from the same records."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from podium.leaderboard import ablation_page
from podium.leaderboard.ablation import Ablation
from podium.leaderboard.badges import award, holdings
from podium.leaderboard.board import Board, Entry
from podium.leaderboard.evidence import Evidence, read_evidence, without_twins
from podium.leaderboard.render import render
from podium.leaderboard.rows import PREDICTIONS_FILE, SUMMARY_FILE, read_summary
from podium.leaderboard.runs import record_key
from podium.leaderboard.summary import definition
from podium.leaderboard.table import Table, make_table
from podium.leaderboard.tried import TRIED_FILE, Trial, read_tried, write_tried
from podium.records.files import copy_hashed, sha256_of
from podium.records.record import RECORD_FILE, RunRecord, canonical_json

CHECKSUMS_FILE = "checksums.json"
RECORDS_FOLDER = "records"


def build(
    board: Board,
    entries: Sequence[Entry],
    runs: Sequence[Path],
    out: Path,
    *,
    tried: Sequence[Trial] | None = None,
    evidence: Sequence[Evidence] = (),
) -> Table:
    """Rank the runs and write the board's folder, with copies of their records and predictions, the account of what
    was ``tried`` and the ``evidence`` beside them.

    The folder is made beside ``out`` and takes its place when it is whole; on any failure the old one stays.

    Raises:
        ValueError: one line: runs of another board, damaged records, or ``out`` is something else.
    """
    out = out.absolute()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / SUMMARY_FILE).is_file())):
        raise ValueError(f"out must be a board's folder, an empty one or none, got {out}; name another")
    with _uncollected():
        return _build(board, entries, runs, out, tried, without_twins(evidence))


def _build(
    board: Board,
    entries: Sequence[Entry],
    runs: Sequence[Path],
    out: Path,
    tried: Sequence[Trial] | None,
    evidence: Sequence[Evidence],
) -> Table:
    records = [(RunRecord.load(run), run) for run in runs]
    folders = {f"{RECORDS_FOLDER}/{record_key(record)}": run for record, run in records}
    table = make_table(board, entries, [record for record, _ in records], folders=folders, tried=tried)
    if evidence:
        table = award(table, holdings(records), evidence)
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".new"))
    try:
        new.chmod(0o755)
        with ThreadPoolExecutor(max_workers=1) as copier:  # the kernel makes files while pages are drawn
            copying = copier.submit(_copied, records, new)
            files = ablation_page.render(table) if isinstance(board, Ablation) else render(table)
            copied = copying.result()
        if tried is not None:
            files[TRIED_FILE] = write_tried(tried)
        for one in evidence:
            files[one.file] = one.content
        for name, content in files.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(content)
        (new / CHECKSUMS_FILE).write_bytes(checksums_of(new, known=copied))
        swap(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return table


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles: of millions of values that stay, it takes a third of the time and finds nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def rebuild(report: Path, out: Path) -> Table:
    """Build a published board again, elsewhere, from its own records and evidence alone.

    Raises:
        ValueError: its definition or records are damaged.
    """
    board, entries = definition(read_summary(report))
    tried, evidence = read_tried(report), read_evidence(report)
    return build(board, entries, record_folders(report), out, tried=tried, evidence=evidence)


def record_folders(report: Path) -> list[Path]:
    """The folders of the records that a board was built from."""
    return sorted(path.parent for path in (report / RECORDS_FOLDER).glob(f"*/{RECORD_FILE}"))


def checksums_of(report: Path, *, known: Mapping[str, str] | None = None) -> bytes:
    """The content of checksums.json: SHA-256 of every other file of a board, by path; those ``known`` are not read."""
    there = known or {}
    found = {
        path: there.get(path) or sha256_of(report / path)
        for path in files_of(report)
        if path != CHECKSUMS_FILE
    }
    return (canonical_json(found, indent=1) + "\n").encode()


def files_of(report: Path) -> list[str]:
    """The path of every file of a board, sorted, with forward slashes."""
    root = len(str(report)) + 1
    walk = ((folder[root:].replace(os.sep, "/"), names) for folder, _, names in os.walk(report))
    return sorted(f"{below}/{name}" if below else name for below, names in walk for name in names)


def _copied(records: Sequence[tuple[RunRecord, Path]], new: Path) -> dict[str, str]:
    """Copy records and predictions into the new board; the SHA-256 of each copy by its path there."""
    (new / RECORDS_FOLDER).mkdir()
    copies = (_copy(record, run, new) for record, run in records)
    return {path: digest for found in copies for path, digest in found.items()}


def _copy(record: RunRecord, run: Path, new: Path) -> dict[str, str]:
    below = f"{RECORDS_FOLDER}/{record_key(record)}"
    names = [RECORD_FILE] if record.metrics is None else [RECORD_FILE, PREDICTIONS_FILE]
    if not (run / names[-1]).is_file():
        raise ValueError(f"{run} must hold {names[-1]}, got none; delete the folder and train again")
    (new / below).mkdir()
    return {f"{below}/{name}": copy_hashed(run / name, new / below / name) for name in names}


def swap(new: Path, out: Path) -> None:
    """Put the new folder in the old one's place; the old one comes back when that fails."""
    if not out.exists():
        new.replace(out)
        return
    old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".old"))
    out.replace(old)
    try:
        new.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old)
