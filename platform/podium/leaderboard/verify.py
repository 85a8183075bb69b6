"""Check a published board: every test metric from the predictions, every hash, every byte of its pages.

Validation metrics, costs and histories have no predictions to be recomputed from: checksums hold them.
"""

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.leaderboard.build import (
    CHECKSUMS_FILE,
    RECORDS_FOLDER,
    files_of,
    rebuild,
    record_folders,
)
from podium.leaderboard.equivalence import same_value
from podium.leaderboard.honesty import doubts
from podium.leaderboard.problem import Problem
from podium.leaderboard.rows import PREDICTIONS_FILE, SUMMARY_FILE, read_summary
from podium.leaderboard.runs import record_key
from podium.leaderboard.summary import builders, definition
from podium.leaderboard.tried import read_tried
from podium.metrics import evaluate, labels_hash
from podium.records.files import sha256_of
from podium.records.record import RECORD_FILE, RunRecord, Status, entry_hash

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Published:
    """One published run: its folder below the board, its record, and its predictions when it has any."""

    folder: str
    record: RunRecord
    predictions: Arrays | None
    predictions_sha256: str | None

    @property
    def record_file(self) -> str:
        """The record's path on the board."""
        return f"{self.folder}/{RECORD_FILE}"

    @property
    def predictions_file(self) -> str:
        """The predictions' path on the board."""
        return f"{self.folder}/{PREDICTIONS_FILE}"


RunCheck = Callable[[Published], Iterator[Problem]]
BoardCheck = Callable[[Path], Iterator[Problem]]


def check_identity(run: Published) -> Iterator[Problem]:
    """The seed and the folder's name follow from the record; reading it checked the configuration's hash."""
    record = run.record
    if record.config.get("seed") != record.seed:
        yield Problem(
            run.record_file, "seed", str(record.seed), f"{record.config.get('seed')} from its config"
        )
    if Path(run.folder).name != record_key(record):
        yield Problem(
            run.record_file, "folder", Path(run.folder).name, f"{record_key(record)} from its record"
        )


def check_status(run: Published) -> Iterator[Problem]:
    """Finished runs have metrics and predictions; no other run has."""
    finished = run.record.status is Status.FINISHED
    for what, there in (("metrics", run.record.metrics), ("predictions", run.predictions)):
        if (there is not None) != finished:
            found = f"a run with{'' if there is not None else 'out'} {what}"
            yield Problem(run.record_file, "status", str(run.record.status), found)


def check_prediction_hash(run: Published) -> Iterator[Problem]:
    """The predictions are the file that the record names."""
    if run.predictions_sha256 is None:
        return
    said = (run.record.files or {}).get(PREDICTIONS_FILE)
    if said != run.predictions_sha256:
        yield Problem(run.record_file, f"files.{PREDICTIONS_FILE}", str(said), run.predictions_sha256)


def check_labels(run: Published) -> Iterator[Problem]:
    """The labels are those of the test split."""
    if run.predictions is None or run.record.data is None:
        return
    found = labels_hash(run.predictions["label"])
    if found != run.record.data.test_labels:
        yield Problem(run.predictions_file, "label", run.record.data.test_labels, found)


def check_metrics(run: Published) -> Iterator[Problem]:
    """Every test metric follows from the predictions."""
    if run.predictions is None:
        return
    try:
        measured = evaluate(str(run.record.config["task"]["_target_"]), run.predictions)
    except (ValueError, LookupError, TypeError) as error:
        yield Problem(run.predictions_file, "arrays", "predictions of a test split", str(error))
        return
    said = {name: value for name, value in (run.record.metrics or {}).items() if name.startswith("test/")}
    for name in sorted(said.keys() | measured.keys()):
        before, after = said.get(name), measured.get(name)
        if before is None or after is None or not same_value(name, before, after):
            yield Problem(run.record_file, f"metrics.{name}", _shown(before), _shown(after))


def check_checksums(report: Path) -> Iterator[Problem]:
    """Every file is in checksums.json, with its hash, and no other is."""
    try:
        said = json.loads((report / CHECKSUMS_FILE).read_text(encoding="utf-8"))
        said = {str(path): str(digest) for path, digest in said.items()}
    except (OSError, ValueError, AttributeError) as error:
        yield Problem(CHECKSUMS_FILE, "content", "nothing that can be read", _one_line(error))
        return
    found = {path: sha256_of(report / path) for path in files_of(report) if path != CHECKSUMS_FILE}
    for path in sorted(said.keys() | found.keys()):
        if path not in found:
            yield Problem(path, "file", f"sha256 {said[path]}", "no such file")
        elif said.get(path) != found[path]:
            yield Problem(path, "sha256", said.get(path, "nothing: the file is not listed"), found[path])


def check_membership(report: Path) -> Iterator[Problem]:
    """The records are those that the board's rows name."""
    named = {
        run["folder"]: f"row {row['number']}, seed {run['seed']}"
        for row in read_summary(report).get("rows", [])
        for run in row["runs"]
        if run["folder"]
    }
    there = {folder.relative_to(report).as_posix() for folder in record_folders(report)}
    for folder in sorted(named.keys() - there):
        yield Problem(SUMMARY_FILE, "rows", f"{folder} ({named[folder]})", "no such record")
    for folder in sorted(there - named.keys()):
        yield Problem(f"{folder}/{RECORD_FILE}", "record", "it belongs to this board", "no row names it")


def check_pages(report: Path) -> Iterator[Problem]:
    """The pages are what the records give, byte for byte, and all evidence counts."""
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "again"
        try:
            table = rebuild(report, again)
        except ValueError as error:
            yield Problem(RECORDS_FOLDER, "records", "a board", _one_line(error))
            return
        yield from table.void
        for name in files_of(again):
            if name.startswith(f"{RECORDS_FOLDER}/") or name == CHECKSUMS_FILE:
                continue
            yield from _compare_file(report, again, name)


def check_honesty(report: Path) -> Iterator[Problem]:
    """Seeds are neither chosen, repeated nor hidden, and nothing was selected on the test split."""
    board, entries = definition(read_summary(report))
    try:
        records, tried = [RunRecord.load(folder) for folder in record_folders(report)], read_tried(report)
    except ValueError:  # named by the other checks
        return
    yield from doubts(board, entries, records, tried)


RUN_CHECKS: tuple[RunCheck, ...] = (
    check_identity,
    check_status,
    check_prediction_hash,
    check_labels,
    check_metrics,
)
BOARD_CHECKS: tuple[BoardCheck, ...] = (check_checksums, check_membership, check_honesty, check_pages)


def verify(
    report: Path,
    *,
    run_checks: Sequence[RunCheck] = RUN_CHECKS,
    board_checks: Sequence[BoardCheck] = BOARD_CHECKS,
) -> list[Problem]:
    """Everything on a board that is not what its records and predictions give; empty when all is right.

    Raises:
        ValueError: the folder is no board.
    """
    raw = read_summary(report)
    problems: list[Problem] = []
    try:
        definition(raw)
    except ValueError as error:
        problems.append(Problem(SUMMARY_FILE, "board", "a definition", _one_line(error)))
    for folder in record_folders(report):
        try:
            run = _read(report, folder)
        except ValueError as error:
            problems.append(_unreadable(report, folder, error))
            continue
        problems += [problem for check in run_checks for problem in check(run)]
    if not problems or all(problem.file != SUMMARY_FILE for problem in problems):
        problems += [problem for check in board_checks for problem in check(report)]
    if any(problem.field == "bytes" for problem in problems) and raw.get("built_with") != builders():
        problems.append(Problem(SUMMARY_FILE, "built_with", str(raw.get("built_with")), f"{builders()} here"))
    return problems


def _read(report: Path, folder: Path) -> Published:
    """One run of the board.

    Raises:
        ValueError: its record or its predictions cannot be read.
    """
    path = folder / PREDICTIONS_FILE
    content = path.read_bytes() if path.is_file() else None
    return Published(
        folder=folder.relative_to(report).as_posix(),
        record=RunRecord.load(folder),
        predictions=None if content is None else _arrays(content, path),
        predictions_sha256=None if content is None else hashlib.sha256(content).hexdigest(),
    )


def _unreadable(report: Path, folder: Path, error: ValueError) -> Problem:
    """Why a run cannot be read: a configuration that is not its entry's is named as such."""
    file = (folder / RECORD_FILE).relative_to(report).as_posix()
    try:
        raw = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        says, found = str(raw["entry_hash"]), entry_hash(raw["config"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        says = found = ""
    if says != found:
        return Problem(file, "entry_hash", says, f"{found} from its config")
    return Problem(file, "content", "a record with its predictions", _one_line(error))


def _arrays(content: bytes, path: Path) -> Arrays:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
            arrays["index"], arrays["label"]  # every task keeps these
            return arrays
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must hold index and label, got {_one_line(error)}") from None


def _compare_file(report: Path, again: Path, name: str) -> Iterator[Problem]:
    try:
        ours = (report / name).read_bytes()
    except OSError:
        yield Problem(name, "file", "nothing: it is missing", "a file of the board")
        return
    theirs = (again / name).read_bytes()
    if ours == theirs:
        return
    start = next((k for k, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    at = min(len(ours), len(theirs)) if start is None else start
    line = theirs.count(b"\n", 0, at) + 1
    yield Problem(name, "bytes", f"{_cut(ours, at)} at line {line}", _cut(theirs, at))


def _cut(content: bytes, at: int) -> str:
    """What stands around the first difference."""
    return repr(content[max(at - 30, 0) : at + 50].decode(errors="ignore"))  # a cut can halve a character


def _shown(value: float | None) -> str:
    return "nothing" if value is None else repr(value)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
