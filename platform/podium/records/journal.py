"""The journal of a run, events.jsonl: append-only JSON lines, so that only the last line can ever be torn.

A run that goes on from a checkpoint takes some steps again. The journal is not rewritten for that: a
``resume`` event says from which step, and readers leave out the earlier points after it; ``start`` leaves out
all of them.
Writing never raises: when the disk is full the lines wait in memory, bounded, and are tried again at the next
flush.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import psutil

from podium.records.record import canonical_json

JOURNAL_FILE = "events.jsonl"
MAX_WAITING = 100_000  # lines kept in memory while the disk refuses them
log = logging.getLogger(__name__)

Event = dict[str, Any]


class Journal:
    """Writer of one run's journal. ``failures`` counts refused writes, ``lost`` the lines given up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failures = 0
        self.lost = 0
        self._waiting: list[bytes] = []
        self._file: int | None = None
        self._whole = 0  # bytes of whole lines on the disk

    def start(self, run_key: str) -> None:
        """The run begins, from its first step."""
        self._add({"kind": "start", "run_key": run_key, **_process()})
        self.flush()

    def resume(self, step: int) -> None:
        """The run goes on from a checkpoint at ``step``; points after it will be written again."""
        self._add({"kind": "resume", "step": step, **_process()})
        self.flush()

    def points(self, step: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Note the values of some metrics. They wait for the next flush."""
        values = {name: float(value) for name, value in metrics.items()}
        self._add({"kind": "point", "step": step, "epoch": epoch, "metrics": values})

    def take(self, points: Iterable[Event]) -> None:
        """Note points of another run as they are, with their times. They wait for the next flush."""
        for point in points:
            self._add(point)

    def finish(self, status: str) -> None:
        """The run is over; flushes and closes."""
        self._add({"kind": "finish", "status": str(status)})
        self.flush()
        self.close()

    def flush(self) -> None:
        """Write what waits, at once and without fsync. Never raises OSError: refused lines wait."""
        if not self._waiting:
            return
        try:
            if self._file is None:
                self._open()
            self._write()
        except OSError as error:
            self.failures += 1
            if self.failures == 1:
                log.warning(
                    "%s could not be written: %s; training goes on, the points wait in memory",
                    self.path,
                    error,
                )
            self.close()

    def close(self) -> None:
        """Close the file; the next flush opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _add(self, event: Event) -> None:
        self._waiting.append(canonical_json({"time": time.time(), **event}).encode() + b"\n")
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[0]
            self.lost += 1

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        content = self.path.read_bytes()
        self._whole = _whole_length(content)
        if self._whole != len(content):
            os.ftruncate(self._file, self._whole)

    def _write(self) -> None:
        """Write at the end of the whole lines; on an error keep what the disk has not taken."""
        assert self._file is not None
        payload = b"".join(self._waiting)
        written = 0
        try:
            while written < len(payload):
                written += os.pwrite(self._file, payload[written:], self._whole + written)
        finally:
            taken = payload[:written]
            self._whole += taken.rfind(b"\n") + 1
            del self._waiting[: taken.count(b"\n")]


def read(path: Path) -> list[Event]:
    """The events of a journal, each point once: what a resume or a new start made void is left out.

    A torn last line is ignored; a journal that does not exist is empty.

    Raises:
        ValueError: a line before the last is damaged.
    """
    return settled(Tail(path).new())


class Tail:
    """Reads a journal that grows: each call of ``new`` gives the events since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> list[Event]:
        """Events of the whole lines since the last call; all of them again when the file became shorter.

        Raises:
            ValueError: a line before the last is damaged.
        """
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        events: list[Event] = []
        offset = self._offset
        lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
        for number, line in enumerate(lines, start=1):
            event = _parsed(line)
            if event is None and number == len(lines):
                break  # torn by a crash: the writer cuts it off when the run goes on
            if event is None:
                raise ValueError(
                    f"{self.path} must hold one JSON event a line, got {line[:40]!r}; remove that line"
                )
            events.append(event)
            offset += len(line) + 1
        self._offset = offset
        return events


def settled(events: Iterable[Event]) -> list[Event]:
    """Leave out points that a later resume or start made void, and earlier runs in the folder."""
    kept: list[Event] = []
    run_key = None
    for event in events:
        if event["kind"] == "start":
            kept = kept if event["run_key"] == run_key else []
            run_key = event["run_key"]
        if event["kind"] in ("start", "resume"):
            last = event["step"] if event["kind"] == "resume" else -1
            kept = [old for old in kept if old["kind"] != "point" or old["step"] <= last]
        kept.append(event)
    return kept


def history(events: Iterable[Event]) -> dict[str, list[list[float]]]:
    """[step, value] pairs per logged name, in the order of the journal."""
    pairs: dict[str, list[list[float]]] = {}
    for event in events:
        if event["kind"] == "point":
            for name, value in event["metrics"].items():
                pairs.setdefault(name, []).append([event["step"], value])
    return pairs


def _process() -> dict[str, Any]:
    """Who writes: enough to tell later whether that process still lives."""
    process = psutil.Process()
    return {"pid": process.pid, "process_started": process.create_time(), "host": socket.gethostname()}


def _whole_length(content: bytes) -> int:
    """Bytes up to the end of the last line that is whole: a crash can leave half a line, or zeros."""
    end = content.rfind(b"\n") + 1
    while end:
        start = content.rfind(b"\n", 0, end - 1) + 1
        if _parsed(content[start:end]) is not None:
            return end
        end = start
    return 0


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
        if event["kind"] == "point":
            event["metrics"] = {name: float(value) for name, value in event["metrics"].items()}
            int(event["step"])
        if event["kind"] == "resume":
            int(event["step"])
        float(event["time"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return event if isinstance(event, dict) else None
