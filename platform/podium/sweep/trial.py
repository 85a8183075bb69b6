"""One trial: one configuration, its seeds trained as replicates, and the file that says how far it came."""

import errno
import fcntl
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from podium.records.files import write_atomically
from podium.records.record import RunRecord, Status, canonical_json, entry_hash
from podium.run.errors import ConfigError, WorkerLost
from podium.run.interrupts import Interrupted
from podium.sweep.plan import Plan
from podium.sweep.space import Point

TRIALS = "trials"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # of a full disk: trying again does not help
FAILED = (Status.FAILED, Status.DIVERGED)
UNFINISHED = (Status.RUNNING, Status.INTERRUPTED, Status.PAUSED, Status.STOPPED)


@dataclass(frozen=True)
class Tools:
    """What a trial is made with, from the room run.

    ``train`` may be given how several workers are started, where they are not processes of this machine. ``find`` gives
    a run's record with the history that its journal holds so far, whatever its status. ``stop`` gives a run that was
    left unfinished its status. ``begin`` lets a run begin from another's checkpoint after so many epochs, and ``check``
    refuses changes that training could not go on with. ``pack`` trains those of many runs that can be one program, and
    says in a line what it did; null: none is. All are module-level functions, so that they reach other processes.
    """

    compose: Callable[[list[str]], dict[str, Any]]
    train: Callable[..., RunRecord]
    find: Callable[[dict[str, Any]], RunRecord | None]
    stop: Callable[[dict[str, Any], Status], None]
    begin: Callable[[dict[str, Any], dict[str, Any], int], None]
    check: Callable[[dict[str, Any]], None]
    pack: Callable[..., object] | None = None


@dataclass(frozen=True)
class Replicate:
    """One seed of a trial. ``value`` is the metric, null unless the run came as far as it was asked to.

    It is at ``epochs``, of which it trained all but those ``copied`` from a run that was the same so far; ``costs`` are
    the record's, null before the run's end.
    """

    seed: int
    status: Status
    value: float | None
    run_key: str | None
    error: str | None
    epochs: int = 0
    costs: dict[str, float] | None = None
    copied: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a trial stands: running, finished, failed or stopped by the search. ``epochs`` null: its end."""

    point: list[str]
    line: str
    status: Status
    epochs: int | None
    value: float | None
    entry_hash: str | None
    reason: str | None
    replicates: list[Replicate]
    started: str

    def save(self, folder: Path) -> None:
        """Write the trial's file below a sweep's folder."""
        write_atomically(_path(folder, self.line, "json"), canonical_json(asdict(self), indent=1).encode())

    def cost(self, name: str) -> float | None:
        """The mean of a cost over the seeds; null unless all have it."""
        found = [(r.costs or {}).get(name) for r in self.replicates]
        known = [cost for cost in found if cost is not None]
        return fmean(known) if known and len(known) == len(found) else None

    @property
    def repeatable(self) -> bool:
        """Whether another try might end otherwise: it failed, and not only because training diverges."""
        return self.status is Status.FAILED and not any(r.status is Status.DIVERGED for r in self.replicates)


Note = Callable[[Outcome], None]


def load(folder: Path) -> dict[str, Outcome]:
    """The trials of a sweep's folder by their line, in the order in which they began.

    Raises:
        ConfigError: a trial's file is damaged.
    """
    found = [_read(path) for path in (folder / TRIALS).glob("*.json")]
    return {outcome.line: outcome for outcome in sorted(found, key=lambda o: (o.started, o.line))}


def load_one(folder: Path, line: str) -> Outcome | None:
    """The trial of a line, null when it never began.

    Raises:
        ConfigError: its file is damaged.
    """
    path = _path(folder, line, "json")
    return _read(path) if path.is_file() else None


def _read(path: Path) -> Outcome:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["status"] = Status(raw["status"])
        raw["value"] = None if raw["value"] is None else float(raw["value"])
        raw["replicates"] = [_replicate(r) for r in raw["replicates"]]
        return Outcome(**raw)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path} must be the file of a trial, got {error}; delete it") from None


class Trial:
    """Trains the replicates of one configuration, as far as it is asked to, and never twice."""

    def __init__(self, plan: Plan, point: Point, tools: Tools) -> None:
        self.plan = plan
        self.point = point
        self.tools = tools
        self.line = plan.line(point)

    def advance(self, epochs: int | None, *, there: bool = False) -> Outcome:
        """Train every seed to some epochs, null: to the end, and note how it stands.

        A seed that fails does not keep the others from training: all are published. With ``there`` all seeds came as far
        already, and nothing is noted on the way.

        Raises:
            Interrupted: an end was asked for.
            WorkerLost: one of the workers that train a seed together is gone.
        """
        with self._alone():
            before = load_one(self.plan.folder, self.line)
            if before is not None and before.status is Status.FINISHED:
                return self._carry_out(epochs, before.started, _nowhere, _nowhere)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            started = now if before is None else before.started
            on_the_way = _nowhere if there else self._save
            return self._carry_out(epochs, started, self._save, on_the_way)

    def _save(self, outcome: Outcome) -> None:
        outcome.save(self.plan.folder)

    def _carry_out(self, epochs: int | None, started: str, save: Note, on_the_way: Note) -> Outcome:
        """Train the seeds one by one and note each."""
        running = self._outcome([], epochs, started, Status.RUNNING)
        on_the_way(running)
        replicates: list[Replicate] = []
        digest: str | None = None
        for seed in range(self.plan.seeds):
            replicate, digest = self._train(seed, epochs, digest)
            replicates.append(replicate)
            on_the_way(replace(running, replicates=list(replicates), entry_hash=digest))
        failed = any(r.status in FAILED for r in replicates)
        status = Status.FAILED if failed else Status.FINISHED if epochs is None else Status.RUNNING
        outcome = replace(self._outcome(replicates, epochs, started, status), entry_hash=digest)
        save(outcome)
        return outcome

    def config(self, seed: int, epochs: int | None) -> dict[str, Any]:
        """The configuration of one seed, with its place among the others for MLflow.

        Raises:
            ConfigError: the values do not make a run.
        """
        config = self.tools.compose(self.plan.run_overrides(self.point, seed))
        runtime = config["runtime"] | {
            "stop_epoch": epochs,
            "groups": [f"sweep:{self.plan.name}", f"configuration:{self.line}"],
            "tags": {**config["runtime"]["tags"], "sweep": self.plan.name, "configuration": self.line},
        }
        return quietly({**config, "runtime": runtime})

    def _train(self, seed: int, epochs: int | None, digest: str | None) -> tuple[Replicate, str | None]:
        try:
            config = self.config(seed, epochs)
            digest = entry_hash(config)
            record = self._record(config, epochs)
        except (Interrupted, WorkerLost):
            raise
        except Exception as error:  # whatever it was, it is in the table, and the other trials go on
            reason = f"{type(error).__name__}: {error}" if not isinstance(error, ConfigError) else str(error)
            return Replicate(seed, Status.FAILED, None, None, " ".join(reason.split())), digest
        value = None if record.status in FAILED else value_at(record, self.plan.metric, epochs)
        status, error_line = record.status, record.error
        if value is None and status not in FAILED:
            status, error_line = (
                Status.FAILED,
                f"the run logged no {self.plan.metric}; set metric to one it logs",
            )
        elif value is not None and not math.isfinite(value):
            status, value, error_line = Status.DIVERGED, None, f"{self.plan.metric} is {value}"
        logged, copied = _logged(record, self.plan.metric), record.epochs_copied
        return Replicate(
            seed, status, value, record.run_key, error_line, logged, record.costs, copied
        ), digest

    def _record(self, config: dict[str, Any], epochs: int | None) -> RunRecord:
        """The record of a run that came far enough already, else of training it that far."""
        record = self.tools.find(config)
        if record is not None:
            logged = _logged(record, self.plan.metric)
            far = epochs is not None and record.status in UNFINISHED and logged >= epochs
            if far or record.status in (Status.FINISHED, Status.DIVERGED):
                return record
        return self.tools.train(config)

    def _outcome(
        self, replicates: list[Replicate], epochs: int | None, started: str, status: Status
    ) -> Outcome:
        values = [r.value for r in replicates if r.value is not None]
        whole = len(values) == self.plan.seeds
        return Outcome(
            point=list(self.point),
            line=self.line,
            status=status,
            epochs=epochs,
            value=fmean(values) if whole else None,
            entry_hash=None,
            reason=reason_of(replicates),
            replicates=replicates,
            started=started,
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait while another process trains the same configuration: a searcher may suggest it twice."""
        path = _path(self.plan.folder, self.line, "lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _nowhere(outcome: Outcome) -> None:
    pass


def is_missing(outcome: Outcome | None) -> bool:
    """Whether a trial of a list has to be made, gone on with, or tried again."""
    return outcome is None or outcome.status in (Status.RUNNING, Status.STOPPED) or outcome.repeatable


def quietly(config: dict[str, Any]) -> dict[str, Any]:
    """The same run as one of many: no bar of its own, and no process of its own that pushes to MLflow."""
    tracking = config["tracking"]
    return {
        **config,
        "runtime": {**config["runtime"], "progress": False},
        "tracking": {**tracking, "follow": False} if "follow" in tracking else tracking,
    }


def value_at(record: RunRecord, metric: str, epochs: int | None) -> float | None:
    """A run's metric after some epochs, null: at its end. A run that ended before keeps its last value."""
    if epochs is None or not (record.history or {}).get(metric):
        return (record.metrics or {}).get(metric)
    values = (record.history or {})[metric]
    return values[min(epochs, len(values)) - 1][1]


def _logged(record: RunRecord, metric: str) -> int:
    """The epochs after which a run logged its metric."""
    return len((record.history or {}).get(metric, []))


def reason_of(replicates: list[Replicate]) -> str | None:
    """Why a trial failed, in one line; null when it did not."""
    failed = [r for r in replicates if r.status in FAILED]
    if not failed:
        return None
    first = failed[0]
    return f"{len(failed)} of {len(replicates)} seeds failed; seed {first.seed} {first.status}: {first.error}"


def _path(folder: Path, line: str, suffix: str) -> Path:
    return folder / TRIALS / f"{hashlib.sha256(line.encode()).hexdigest()[:12]}.{suffix}"


def _replicate(raw: Mapping[str, Any]) -> Replicate:
    value = None if raw["value"] is None else float(raw["value"])
    return Replicate(**{**raw, "status": Status(raw["status"]), "value": value})
