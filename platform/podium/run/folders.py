"""Where runs live, and which runs are already there."""

import fcntl
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from podium.records.record import RECORD_FILE, RunRecord, Status, entry_hash
from podium.run.errors import ConfigError

CHECKPOINT_FILE = "last.ckpt"
CONFIG_FILE = "config.yaml"
PREDICTIONS_FILE = "predictions.npz"
WEIGHTS_FILE = "network.safetensors"


def run_folder(config: Mapping[str, Any]) -> Path:
    """The folder of this entry and seed: readable name, eight digits of the entry's hash, seed."""
    slug = re.sub(r"[^a-z0-9]+", "-", config["name"].lower()).strip("-")[:40] or "run"
    name = f"{slug}-{entry_hash(config)[:8]}-s{config['seed']}"
    return Path(config["paths"]["runs"]).absolute() / name


def find_record(config: Mapping[str, Any]) -> RunRecord | None:
    """The record of this entry and seed, whatever its status and display name; null when there is none."""
    digest = entry_hash(config)
    for folder in find_folders(config):
        record = RunRecord.load(folder)
        if record.entry_hash == digest and record.seed == config["seed"]:
            return record
    return None


def find_folders(config: Mapping[str, Any]) -> list[Path]:
    """Folders of this entry and seed: runs under other display names train the same thing."""
    runs = Path(config["paths"]["runs"]).absolute()
    pattern = f"*-{entry_hash(config)[:8]}-s{config['seed']}"
    return sorted(folder for folder in runs.glob(pattern) if (folder / RECORD_FILE).is_file())


def is_final(record: RunRecord | None) -> bool:
    """Whether training again would say the same: the run finished, or diverged as it always will."""
    return record is not None and record.status in (Status.FINISHED, Status.DIVERGED)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a run's folder, so that two processes never train into it.

    Raises:
        ConfigError: another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"paths.runs must be a folder that can be written, got {folder.parent} ({error.strerror}); set paths.runs"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"{folder} must be free, got another process training in it; wait for it"
            ) from None
        yield
