"""Whether the process that writes a run still lives, and the record of one that died without a word."""

import json
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from podium.records.journal import JOURNAL_FILE
from podium.records.mapping import DIED
from podium.records.record import RECORD_FILE, RunRecord, Status

GRACE_S = 5.0  # between taking up a run's record and noting the new process in its journal
SILENT_S = 600.0  # a run of another machine that wrote nothing for so long is dead
CLOCK_S = 1.5  # the system's start time of a process can move by a second when its clock is set


def died(folder: Path, record: RunRecord) -> bool:
    """Whether a record says running and nobody runs."""
    return record.status is Status.RUNNING and not _is_written(folder)


def bury(folder: Path, record: RunRecord) -> RunRecord:
    """Note in the record that the run died; it can be resumed like any interrupted one."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    buried = record.with_(
        status=Status.INTERRUPTED,
        error="the process ended without a word; the same command goes on from the last checkpoint",
        ended=now,
        tags={**(record.tags or {}), DIED: now},
    )
    buried.save(folder)
    return buried


def process_lives(pid: int, started: float) -> bool:
    """Whether the process with this number is still the one that started then."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < CLOCK_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _is_written(folder: Path) -> bool:
    written = max(_changed(folder / RECORD_FILE), _changed(folder / JOURNAL_FILE))
    process = _last_process(folder / JOURNAL_FILE)
    if process is None or process["host"] != socket.gethostname():
        return time.time() - written < SILENT_S
    return process_lives(process["pid"], process["process_started"]) or time.time() - written < GRACE_S


def _last_process(journal: Path) -> dict[str, Any] | None:
    """The event in which the newest process wrote who it is."""
    try:
        lines = [line for line in journal.read_bytes().splitlines() if b'"process_started"' in line]
        event = json.loads(lines[-1])
        return event if {"pid", "host", "process_started"} <= event.keys() else None
    except (OSError, IndexError, ValueError, AttributeError):
        return None


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
