"""What was run besides a board's rows, as the runs' own records say: how much each row was tuned, and with which seeds.

A run counts for an entry when it is one of its seeds, when a sweep trained both, or when it has the entry's network and
tricks by name on the entry's data: then it differs by values of training only (rates, schedules, epochs, strengths of
tricks, initialisers). The account is made where the board is built, from all records in the folder of its runs, and is
published as tried.json; a board that comes without one says so.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from podium.leaderboard.board import Entry
from podium.records.record import RECORD_FILE, canonical_json, entry_hash

TRIED_FILE = "tried.json"
NEEDED = {"entry_hash", "seed", "status", "run_key", "config", "started"}


@dataclass(frozen=True)
class Trial:
    """One run that counts for some entries, by their names in conf/entry; ``seconds`` of training."""

    entry_hash: str
    seed: int
    status: str
    run_key: str
    seconds: float
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Effort:
    """What was tried for a row: different configurations, runs, and seconds of training."""

    configurations: int
    runs: int
    seconds: float

    @property
    def time(self) -> str:
        """The time of training, in hours; in minutes or seconds where it is short."""
        if self.seconds < 60:
            return f"{self.seconds:.1f} s"
        return f"{self.seconds / 60:.1f} min" if self.seconds < 3600 else f"{self.seconds / 3600:.1f} h"

    @classmethod
    def of(cls, trials: Sequence[Trial], key: str) -> "Effort":
        """The effort for the entry of that name."""
        own = [trial for trial in trials if key in trial.entries]
        seconds = sum(trial.seconds for trial in own)
        return cls(len({trial.entry_hash for trial in own}), len(own), seconds)


def account(
    entries: Sequence[Entry], configs: Mapping[str, Mapping[str, Any]], folders: Sequence[Path]
) -> list[Trial]:
    """Every run below the folders that counts for an entry; ``configs`` has each entry's configuration by its name.

    Folders that hold no record are passed over: they cannot be counted.
    """
    records = list(_records(folders))
    of_entry = {entry.entry_hash: entry.key for entry in entries}
    kin = {entry.key: _kin(configs[entry.key]) for entry in entries}
    kind_of = {
        one["entry_hash"]: _kin(one["config"]) for one in {one["entry_hash"]: one for one in records}.values()
    }
    sweeps: dict[str, set[str]] = {entry.key: set() for entry in entries}
    for one in records:
        if (key := of_entry.get(one["entry_hash"])) and (sweep := _sweep(one)):
            sweeps[key].add(sweep)
    trials = {}
    for one in records:
        digest, sweep = one["entry_hash"], _sweep(one)
        keys = tuple(
            entry.key
            for entry in entries
            if digest == entry.entry_hash or sweep in sweeps[entry.key] or kind_of[digest] == kin[entry.key]
        )
        if keys:
            trials[one["run_key"], digest, one["seed"]] = _trial(one, keys)
    return [trials[key] for key in sorted(trials)]


def write_tried(trials: Sequence[Trial]) -> bytes:
    """The content of tried.json."""
    return (canonical_json({"runs": [asdict(trial) for trial in trials]}, indent=1) + "\n").encode()


def read_tried(report: Path) -> list[Trial] | None:
    """The account that a board was published with; null where there is none.

    Raises:
        ValueError: it is damaged.
    """
    path = report / TRIED_FILE
    if not path.is_file():
        return None
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))["runs"]
        return [Trial(**{**one, "entries": tuple(one["entries"])}) for one in raw]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} must be a list of runs, got {error}; build the board again") from None


def _records(folders: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Plain records, unchecked: a store can hold tens of thousands."""
    for path in sorted({path for folder in folders for path in folder.glob(f"*/{RECORD_FILE}")}):
        try:
            raw = json.loads(path.read_bytes())
        except ValueError:
            continue
        if isinstance(raw, dict) and raw.keys() >= NEEDED:
            yield raw


def _sweep(record: Mapping[str, Any]) -> str | None:
    return (record.get("tags") or {}).get("sweep")


def _kin(config: Mapping[str, Any]) -> str:
    """What runs share that differ by values of training only."""
    network, data = config.get("network"), config.get("data") or {}
    digest = entry_hash({"network": network, "data": {**data, "batch_size": None}})
    tricks = [list(config.get(group) or {}) for group in ("tricks", "augment")]
    return canonical_json([digest, *tricks])


def _trial(record: Mapping[str, Any], keys: tuple[str, ...]) -> Trial:
    costs = record.get("costs") or {}
    seconds = costs.get("train_s", costs.get("packed_s"))
    if seconds is None:
        ended = record.get("ended") or record["started"]
        begun, ended = (datetime.fromisoformat(at) for at in (record["started"], ended))
        seconds = (ended - begun).total_seconds()
    return Trial(
        entry_hash=record["entry_hash"],
        seed=record["seed"],
        status=record["status"],
        run_key=record["run_key"],
        seconds=round(seconds, 3),
        entries=keys,
    )
