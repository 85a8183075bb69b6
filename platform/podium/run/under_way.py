"""A run under way: its folder and journal, how its record is opened and how it is closed."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import yaml

from podium.records.environment import Environment
from podium.records.files import write_atomically
from podium.records.journal import JOURNAL_FILE, Journal, history, read
from podium.records.record import DataPrint, RunRecord, Status, entry_hash
from podium.run.folders import CHECKPOINT_FILE, CONFIG_FILE
from podium.run.prefix import begun_from
from podium.run.processes import Processes
from podium.run.saver import Reached, checked_checkpoint
from podium.run.workers import Start

HERE = Processes()
RESUMABLE = (Status.RUNNING, Status.INTERRUPTED, Status.PAUSED, Status.STOPPED)


@dataclass
class Run:
    """A run under way: where it lives and what its record says so far."""

    folder: Path
    record: RunRecord
    journal: Journal
    reached: Reached | None
    pictures: bool = True
    start: Start = HERE

    def save(self, **changes: Any) -> RunRecord:
        """Change the record and write it."""
        self.record = self.record.with_(**changes)
        self.record.save(self.folder)
        return self.record


def environment_of(config: Mapping[str, Any]) -> Environment:
    """What this process runs on, as the record of such a run says it."""
    return Environment.capture(threads=config["runtime"]["threads"], gpus=_gpus(config))


def open_run(
    config: Mapping[str, Any], folder: Path, before: RunRecord | None, seen: DataPrint, tags: dict[str, str]
) -> Run:
    """Start the record, or take up that of an interrupted run with its checkpoint."""
    goes_on = before is not None and before.status in RESUMABLE
    workers = config["runtime"]["devices"]
    reached = checked_checkpoint(folder / CHECKPOINT_FILE, workers=workers) if goes_on else None
    journal = Journal(folder / JOURNAL_FILE)
    record = RunRecord(
        name=config["name"],
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key=before.run_key if before is not None and goes_on else uuid.uuid4().hex,
        status=Status.RUNNING,
        config=dict(config),
        environment=environment_of(config),
        started=before.started if before is not None and goes_on else _now(),
        data=seen,
        groups=list(config["runtime"]["groups"]),
        tags=dict(config["runtime"]["tags"]) | tags | begun_from(before if reached else None),
        resumes=before.resumes + 1 if before is not None and goes_on else 0,
    )
    run = Run(folder=folder, record=record, journal=journal, reached=reached)
    write_atomically(
        folder / CONFIG_FILE, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True).encode()
    )
    run.save()
    if reached is None:
        (folder / CHECKPOINT_FILE).unlink(missing_ok=True)
        journal.start(record.run_key)
    else:
        journal.resume(reached.step)
    return run


def close_run(run: Run, status: Status, error: str | None = None) -> RunRecord:
    """Say in the journal and in the record how the run ended."""
    run.journal.finish(status)
    if run.record.history is None:
        run.record = run.record.with_(history=history(read(run.folder / JOURNAL_FILE)))
    return run.save(status=status, error=error, ended=_now())


def _gpus(config: Mapping[str, Any]) -> list[str]:
    if config["runtime"]["accelerator"] == "cpu" or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(k) for k in range(config["runtime"]["devices"])]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
