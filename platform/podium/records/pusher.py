"""Brings what run folders hold to MLflow, pass by pass, and remembers what is there.

MLflow is imported only when there is something to send.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.records.alive import bury, died
from podium.records.files import write_atomically
from podium.records.journal import JOURNAL_FILE
from podium.records.mapping import group_keys
from podium.records.record import RECORD_FILE, RunRecord, Status
from podium.records.sizes import note_sizes
from podium.records.target import Target, target_of

if TYPE_CHECKING:
    from podium.records.store import Store

MARKER_FILE = ".synced"
STATE_FOLDER = ".sync"


@dataclass
class Report:
    """What one pass did. ``away`` maps stores that take nothing to what is wrong."""

    sent: int = 0
    points: int = 0
    there: int = 0
    without_store: int = 0
    waiting: int = 0
    alive: int = 0
    died: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    away: dict[str, str] = field(default_factory=dict)


def find_runs(root: Path) -> list[Path]:
    """Folders of runs at or below ``root``, sorted; not in hidden folders or inside a run."""
    if (root / RECORD_FILE).is_file() and (root / JOURNAL_FILE).is_file():
        return [root]
    try:
        below = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    return [run for folder in below for run in find_runs(folder)]


class Pusher:
    """Pushes runs to the stores that their configurations name, or all of them to ``uri``."""

    def __init__(self, *, uri: str | None) -> None:
        self.uri = uri
        self._stores: dict[Target, Store] = {}
        self._turns: dict[Path, int] = {}
        self._databases: dict[str, bool] = {}
        self._done: dict[Path, tuple[int, ...]] = {}
        self._open_groups: set[str] = set()
        self._unmarked: list[tuple[Path, RunRecord, Target]] = []

    def push(self, folders: Iterable[Path]) -> Report:
        """One pass over some run folders. The report says what went wrong with stores and runs."""
        report = Report()
        self._open_groups.clear()
        for runs, some in groupby(folders, key=lambda folder: folder.parent):
            try:
                with self._turn(runs):
                    for folder in some:
                        self._push_one(folder, report)
            except OSError as error:
                report.problems.append(f"{runs} must be a folder that can be written, got {error}")
        return report

    def close_groups(self, report: Report) -> None:
        """Close the parents of runs that are all over. Runs under them count as sent only after that."""
        if not self._stores:
            return  # nothing was sent: MLflow need not be imported
        from podium.records.store import StoreError

        for target, store in self._stores.items():
            try:
                store.close_groups(self._open_groups)
            except StoreError as error:
                report.away[target.shown] = str(error)
                return
            if target.database is not None:
                note_sizes(target.database)
        for folder, record, target in self._unmarked:
            if self._open_groups.isdisjoint(group_keys(record)):
                self._mark(folder, target, whole=True)
        self._unmarked.clear()

    def _push_one(self, folder: Path, report: Report) -> None:
        state = _state(folder)
        if self._done.get(folder) == state or self._is_marked(folder):
            report.there += 1
            self._done[folder] = state
            return
        try:
            record = RunRecord.load(folder)
            if died(folder, record):
                record = bury(folder, record)
                report.died.append(str(folder))
            target = target_of(record.config.get("tracking") or {}, folder.parent, uri=self.uri)
            if target is None:
                report.without_store += 1
            else:
                self._send(folder, record, target, report)
        except (ValueError, OSError) as error:
            report.problems.append(str(error))

    def _send(self, folder: Path, record: RunRecord, target: Target, report: Report) -> None:
        from podium.records.store import StoreError

        live = record.status is Status.RUNNING
        report.alive += live
        if live:
            self._open_groups.update(group_keys(record))
        state = _state(folder)
        if target.shown in report.away:
            report.waiting += 1
            return
        try:
            result = self._store(target).sync_run(folder)
        except StoreError as error:
            if error.away:
                report.away[target.shown] = str(error)
                report.waiting += 1
            else:
                report.problems.append(f"{folder}: {target.shown} refused it: {error}")
            return
        report.sent += 1
        report.points += result.points
        if result.closed:
            self._mark(folder, target, whole=not record.groups)
            self._done[folder] = state
            if record.groups:
                self._unmarked.append((folder, record, target))

    def _store(self, target: Target) -> "Store":
        from podium.records.store import Store

        if target not in self._stores:
            self._stores[target] = Store(target)
        return self._stores[target]

    @contextmanager
    def _turn(self, runs: Path) -> Iterator[None]:
        """One process at a time pushes the runs of a folder; after another's turn, ask MLflow again."""
        with (state_folder(runs) / "turn").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            last = int(file.read() or 0)
            if self._turns.get(runs, last) != last:
                for store in self._stores.values():
                    store.forget()
            self._turns[runs] = last + 1
            file.truncate(0)
            file.write(str(last + 1))
            file.flush()
            yield

    def _mark(self, folder: Path, target: Target, *, whole: bool) -> None:
        marks = _marks(folder)
        database = str(target.database) if target.database else None
        marks[self._mark_key(folder)] = {"record": _record_hash(folder), "database": database, "whole": whole}
        write_atomically(folder / MARKER_FILE, json.dumps(marks, sort_keys=True).encode())

    def _is_marked(self, folder: Path) -> bool:
        mark = _marks(folder).get(self._mark_key(folder))
        if mark is None or not mark["whole"] or mark["record"] != _record_hash(folder):
            return False
        database = mark["database"]
        if database is None:
            return True
        if database not in self._databases:  # a deleted database is filled again, also once it is back
            self._databases[database] = Path(database).is_file()
        return self._databases[database]

    def _mark_key(self, folder: Path) -> str:
        return _mark_key(folder, self.uri)


def is_sent(folder: Path) -> bool:
    """Whether the run as it is now was sent to the store of its configuration."""
    mark = _marks(folder).get(_mark_key(folder, None))
    return mark is not None and bool(mark["record"] == _record_hash(folder))


def state_folder(runs: Path) -> Path:
    """Where the pushing processes of a folder of runs keep their locks."""
    folder = runs / STATE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _mark_key(folder: Path, uri: str | None) -> str:
    """A mark is about one store, the configuration's or another, and holds no password."""
    return hashlib.sha256(f"{folder.parent.resolve()}\n{uri or ''}".encode()).hexdigest()[:16]


def _marks(folder: Path) -> dict[str, Any]:
    try:
        marks = json.loads((folder / MARKER_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return marks if isinstance(marks, dict) else {}


def _record_hash(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / RECORD_FILE).read_bytes()).hexdigest()
    except OSError:
        return ""


def _state(folder: Path) -> tuple[int, ...]:
    """Changes when the record does: it is written once more when a run ends or goes on."""
    try:
        found = (folder / RECORD_FILE).stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)
