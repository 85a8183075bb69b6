"""The one file that talks to MLflow. It adds what is missing, so it can be stopped and repeated."""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# A server that is away must cost seconds, not minutes. MLflow reads these when it makes a request.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from requests import RequestException
from sqlalchemy.exc import SQLAlchemyError

from podium.records import mapping
from podium.records.files import sha256_of
from podium.records.progress import Point, Progress, milliseconds, own_events
from podium.records.record import RunRecord, Status, canonical_json
from podium.records.target import Target

METRICS_PER_CALL = 1000  # MLflow's limits
PARAMS_PER_CALL = 100
DIGEST_LENGTH = 36
DIED_TAG = f"podium.{mapping.DIED}"
ARTIFACTS = ("record.json", "config.yaml", "network.safetensors", "predictions.npz", "*.png")
REFUSED = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST"}


class StoreError(Exception):
    """MLflow did not take something. ``away``: it cannot be reached, so trying other runs is useless."""

    def __init__(self, message: str, *, away: bool) -> None:
        super().__init__(message)
        self.away = away


@dataclass(frozen=True)
class SyncResult:
    """What one push did. ``closed``: the run is over and MLflow has all of it."""

    run_id: str
    points: int
    files: int
    closed: bool


@dataclass
class _Group:
    run_id: str
    status: str


class Store:
    """A connection to one MLflow experiment.

    Raises:
        StoreError: MLflow cannot be reached, or the experiment was deleted.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._runs: dict[str, Progress] = {}
        self._groups: dict[str, _Group] = {}
        with _store_errors(), _schema_lock(target.database):
            self._client = MlflowClient(tracking_uri=target.uri)
            self._experiment = self._find_experiment()

    def sync_run(self, folder: Path) -> SyncResult:
        """Push what MLflow lacks of one run.

        Raises:
            ValueError: the record or the journal is damaged.
            StoreError: MLflow cannot be reached or refused something; the next call asks it what it has.
        """
        record = RunRecord.load(folder)
        try:
            with _store_errors():
                return self._push(record, folder)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Take nothing for granted: someone else may have written, or an answer was lost."""
        self._runs.clear()
        self._groups.clear()

    def close_groups(self, still_open: set[str]) -> None:
        """Close the parents that this process met and whose runs are all over.

        Raises:
            StoreError: MLflow cannot be reached.
        """
        with _store_errors():
            for key, group in self._groups.items():
                if key not in still_open and group.status != "FINISHED":
                    self._client.set_terminated(group.run_id, "FINISHED")
                    group.status = "FINISHED"

    def _push(self, record: RunRecord, folder: Path) -> SyncResult:
        known = self._runs.get(record.run_key) or Progress.of(folder)
        events = own_events(known.tail.new(), record.run_key)
        if not known.run_id:
            self._open(known, record, milliseconds(events[0]) if events else _now_ms())
            self._runs[record.run_key] = known
        points = known.new_points(record, events)
        self._log(known, record, points)
        self._input(known, record)
        closed = record.status is not Status.RUNNING
        files = self._upload(known, record, folder) if closed else 0
        self._set_status(known, record)
        return SyncResult(run_id=known.run_id, points=len(points), files=files, closed=closed)

    def _open(self, known: Progress, record: RunRecord, start_ms: int) -> None:
        """Find the run in MLflow with all that is there, or create it."""
        parent = self._parent(record, start_ms)
        found = self._find(f"tags.`podium.run_key` = '{record.run_key}'")
        if found is None:
            tags = mapping.tags(record) | ({"mlflow.parentRunId": parent} if parent else {})
            made = self._client.create_run(
                self._experiment, start_time=start_ms, tags=tags, run_name=tags["mlflow.runName"]
            )
            known.run_id, known.tags = made.info.run_id, tags
            return
        known.run_id, known.status = found.info.run_id, found.info.status
        known.tags, known.params = dict(found.data.tags), set(found.data.params)
        known.has_data = bool(found.inputs and found.inputs.dataset_inputs)
        known.there = self._points_there(known.run_id, sorted(found.data.metrics))

    def _points_there(self, run_id: str, names: list[str]) -> set[tuple[str, int]]:
        return {
            (name, point.step) for name in names for point in self._client.get_metric_history(run_id, name)
        }

    def _parent(self, record: RunRecord, start_ms: int) -> str | None:
        """The innermost group's run; missing ones are made, and a live run opens them again."""
        parent = None
        for key, name in zip(mapping.group_keys(record), record.groups or [], strict=True):
            if key not in self._groups:
                self._groups[key] = self._find_group(key) or self._new_group(key, name, parent, start_ms)
            group = self._groups[key]
            if record.status is Status.RUNNING and group.status != "RUNNING":
                self._client.update_run(group.run_id, status="RUNNING")
                group.status = "RUNNING"
            parent = group.run_id
        return parent

    def _find_group(self, key: str) -> _Group | None:
        found = self._find(f"tags.`podium.group_key` = '{_short_hash(key)}'")
        return _Group(found.info.run_id, found.info.status) if found else None

    def _new_group(self, key: str, name: str, parent: str | None, start_ms: int) -> _Group:
        tags = {"podium.group": name, "podium.group_key": _short_hash(key)}
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        made = self._client.create_run(self._experiment, start_time=start_ms, tags=tags, run_name=name)
        return _Group(made.info.run_id, "RUNNING")

    def _find(self, where: str) -> Run | None:
        found = self._client.search_runs([self._experiment], where, max_results=1)
        return found[0] if found else None

    def _find_experiment(self) -> str:
        name = self.target.experiment
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=self.target.artifacts))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                experiment = self._client.get_experiment_by_name(name)  # another process was faster
        if experiment is None or experiment.lifecycle_stage != "active":
            raise StoreError(
                f"tracking.experiment must not be deleted, got {name}; restore it or name another", away=True
            )
        return str(experiment.experiment_id)

    def _log(self, known: Progress, record: RunRecord, points: list[Point]) -> None:
        tags = mapping.tags(record)
        if known.infinite:
            tags["podium.infinite_points"] = str(known.infinite)
        changed = [RunTag(key, value) for key, value in tags.items() if known.tags.get(key) != value]
        told = mapping.params(record)
        params = [Param(key, value) for key, value in told.items() if key not in known.params]
        metrics = [Metric(name, value, time_ms, step) for name, value, time_ms, step in points]
        for begin in range(0, len(params), PARAMS_PER_CALL):
            self._client.log_batch(known.run_id, params=params[begin : begin + PARAMS_PER_CALL])
        known.params.update(param.key for param in params)
        for begin in range(0, len(metrics), METRICS_PER_CALL):
            self._client.log_batch(known.run_id, metrics=metrics[begin : begin + METRICS_PER_CALL])
        if changed:
            self._client.log_batch(known.run_id, tags=changed)
        known.tags.update((tag.key, tag.value) for tag in changed)
        if DIED_TAG in known.tags and DIED_TAG not in tags:  # it was resumed
            self._client.delete_tag(known.run_id, DIED_TAG)
            del known.tags[DIED_TAG]

    def _input(self, known: Progress, record: RunRecord) -> None:
        if record.data is None or known.has_data:
            return
        profile = {"sizes": record.data.sizes, "content": record.data.content, "split": record.data.split}
        data = Dataset(
            name=record.data.name,
            digest=record.data.content[:DIGEST_LENGTH],
            source_type="podium",
            source=canonical_json({"data": record.data.name}),
            profile=canonical_json(profile),
        )
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(known.run_id, [DatasetInput(data, [context])])
        known.has_data = True

    def _upload(self, known: Progress, record: RunRecord, folder: Path) -> int:
        """Upload the files that changed since the last time; the tag remembers which were there."""
        paths = sorted(path for pattern in ARTIFACTS for path in folder.glob(pattern))
        hashes = {path.name: (record.files or {}).get(path.name) or sha256_of(path) for path in paths}
        state = _short_hash(canonical_json(hashes))
        if known.tags.get("podium.artifacts") == state:
            return 0
        for path in paths:
            self._client.log_artifact(known.run_id, str(path))
        self._client.set_tag(known.run_id, "podium.artifacts", state)
        known.tags["podium.artifacts"] = state
        return len(paths)

    def _set_status(self, known: Progress, record: RunRecord) -> None:
        status = mapping.outcome(record)
        if status == known.status:
            return
        if status in ("RUNNING", "SCHEDULED"):
            self._client.update_run(known.run_id, status=status)
        else:
            self._client.set_terminated(known.run_id, status, end_time=known.last_ms or _now_ms())
        known.status = status


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _now_ms() -> int:
    return int(time.time() * 1000)


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turn whatever MLflow and its transports raise into StoreError."""
    try:
        yield
    except MlflowException as error:
        message = str(error).splitlines()[0][:300]
        raise StoreError(message, away=error.error_code not in REFUSED) from error
    except (RequestException, SQLAlchemyError, OSError) as error:
        raise StoreError(f"{type(error).__name__}: {error}".splitlines()[0][:300], away=True) from error


@contextmanager
def _schema_lock(database: Path | None) -> Iterator[None]:
    """Processes that create one SQLite schema at once leave it broken: one at a time."""
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with database.with_name(f".{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
