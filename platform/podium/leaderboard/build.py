"""Build a board's folder from runs: whole or not at all, and the same bytes from the same records."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from podium.leaderboard import ablation_page
from podium.leaderboard.ablation import Ablation
from podium.leaderboard.board import Board, Entry
from podium.leaderboard.render import render
from podium.leaderboard.rows import PREDICTIONS_FILE, SUMMARY_FILE, read_summary
from podium.leaderboard.runs import record_key
from podium.leaderboard.summary import definition
from podium.leaderboard.table import Table, make_table
from podium.records.files import sha256_of
from podium.records.record import RECORD_FILE, RunRecord, canonical_json

CHECKSUMS_FILE = "checksums.json"
RECORDS_FOLDER = "records"


def build(board: Board, entries: Sequence[Entry], runs: Sequence[Path], out: Path) -> Table:
    """Rank the runs and write the board's folder, with copies of their records and predictions.

    The folder is made beside ``out`` and takes its place when it is whole; on any failure the old one stays.

    Raises:
        ValueError: one line: runs of another board, damaged records, or ``out`` is something else.
    """
    out = out.absolute()
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / SUMMARY_FILE).is_file())):
        raise ValueError(f"out must be a board's folder, an empty one or none, got {out}; name another")
    records = [(RunRecord.load(run), run) for run in runs]
    folders = {f"{RECORDS_FOLDER}/{record_key(record)}": run for record, run in records}
    table = make_table(board, entries, [record for record, _ in records], folders=folders)
    out.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.", suffix=".new"))
    try:
        new.chmod(0o755)
        for record, run in records:
            _copy(record, run, new / RECORDS_FOLDER / record_key(record))
        files = ablation_page.render(table) if isinstance(board, Ablation) else render(table)
        for name, content in files.items():
            (new / name).write_bytes(content)
        (new / CHECKSUMS_FILE).write_bytes(checksums_of(new))
        _swap(new, out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return table


def rebuild(report: Path, out: Path) -> Table:
    """Build a published board again, elsewhere, from its own records alone.

    Raises:
        ValueError: its definition or records are damaged.
    """
    board, entries = definition(read_summary(report))
    return build(board, entries, record_folders(report), out)


def record_folders(report: Path) -> list[Path]:
    """The folders of the records that a board was built from."""
    return sorted(path.parent for path in (report / RECORDS_FOLDER).glob(f"*/{RECORD_FILE}"))


def checksums_of(report: Path) -> bytes:
    """The content of checksums.json: SHA-256 of every other file of a board, by path."""
    found = {path: sha256_of(report / path) for path in files_of(report) if path != CHECKSUMS_FILE}
    return (canonical_json(found, indent=1) + "\n").encode()


def files_of(report: Path) -> list[str]:
    """The path of every file of a board, sorted, with forward slashes."""
    return sorted(path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file())


def _copy(record: RunRecord, run: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copyfile(run / RECORD_FILE, folder / RECORD_FILE)
    if record.metrics is None:
        return
    if not (run / PREDICTIONS_FILE).is_file():
        raise ValueError(f"{run} must hold {PREDICTIONS_FILE}, got none; delete the folder and train again")
    shutil.copyfile(run / PREDICTIONS_FILE, folder / PREDICTIONS_FILE)


def _swap(new: Path, out: Path) -> None:
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
