"""A run that begins from another's checkpoint: where both would train alike up to there, nothing is trained twice.

The result is that of training from the start, to the bit, because a resume is exact. The points of the shared epochs are
copied, so that the record is whole; two tags say where they come from.
"""

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from podium.records.files import write_atomically
from podium.records.journal import JOURNAL_FILE, Journal, history, read
from podium.records.record import BEGUN_EPOCHS, BEGUN_FROM, RunRecord, Status, entry_hash
from podium.run.changes import before
from podium.run.errors import ConfigError
from podium.run.folders import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    exclusive,
    find_folders,
    find_record,
    run_folder,
)
from podium.run.saver import Reached, checked_checkpoint


def begin_from(config: Mapping[str, Any], source: Mapping[str, Any], *, epochs: int) -> bool:
    """Begin a run from the checkpoint of another that is at exactly so many epochs, and leave it paused there.

    False where it is begun already, or where there is no such checkpoint: then it is trained from the start.

    Raises:
        ConfigError: the two would not train alike up to there; or another process trains one of them.
    """
    if config["seed"] != source["seed"] or entry_hash(before(config, epochs)) != entry_hash(
        before(source, epochs)
    ):
        raise ConfigError(
            f"runs must be the same for {epochs} epochs to share them, got {config['name']} and another; train it whole"
        )
    theirs, ours = find_record(source), run_folder(config)
    if theirs is None or find_record(config) is not None:
        return False
    folder = find_folders(source)[0]
    with exclusive(ours):
        reached = _share(folder / CHECKPOINT_FILE, ours / CHECKPOINT_FILE, config, epochs)
        if reached is None:
            return False
        _leave_paused(config, theirs, folder, ours, reached)
    return True


def begun_from(record: RunRecord | None) -> dict[str, str]:
    """The tags that say where a run began, when it goes on."""
    tags = (record.tags if record is not None else None) or {}
    return {key: text for key, text in tags.items() if key in (BEGUN_FROM, BEGUN_EPOCHS)}


def _share(theirs: Path, ours: Path, config: Mapping[str, Any], epochs: int) -> Reached | None:
    """Give another's checkpoint a second name, if it is at exactly so many epochs. Neither run ever writes into it."""
    part = ours.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        os.link(theirs, part)
        reached = checked_checkpoint(part, workers=config["runtime"]["devices"])
    except FileNotFoundError:
        return None
    except ConfigError:
        reached = None
    if reached is None or (reached.epoch, reached.batch) != (epochs, 0):
        part.unlink()
        return None
    part.replace(ours)
    return reached


def _leave_paused(
    config: Mapping[str, Any], theirs: RunRecord, folder: Path, ours: Path, reached: Reached
) -> None:
    """The journal first and the record last: what ends in between leaves a run that was never begun."""
    run_key = uuid.uuid4().hex
    events = read(folder / JOURNAL_FILE)
    points = [event for event in events if event["kind"] == "point" and event["step"] <= reached.step]
    journal = Journal(ours / JOURNAL_FILE)
    journal.start(run_key)
    journal.take(points)
    journal.finish(Status.PAUSED)
    write_atomically(
        ours / CONFIG_FILE, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True).encode()
    )
    record = RunRecord(
        name=config["name"],
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key=run_key,
        status=Status.PAUSED,
        config=dict(config),
        environment=theirs.environment,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        data=theirs.data,
        groups=list(config["runtime"]["groups"]),
        tags=dict(config["runtime"]["tags"]) | {BEGUN_FROM: folder.name, BEGUN_EPOCHS: str(reached.epoch)},
        history=history(points),
    )
    record.save(ours)
