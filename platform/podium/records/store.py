"""The file that talks to MLflow, with groups.py for groups. It adds what is missing, so it can be stopped and repeated."""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# A server that is away must cost seconds, not minutes, and a request that it may have carried out is not sent again
# before it was asked what it has. MLflow reads these when it makes a request.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from podium.records import mapping
from podium.records.files import sha256_of
from podium.records.groups import PARENT_TAG, Groups
from podium.records.progress import Point, Progress, milliseconds, own_events
from podium.records.record import RunRecord, Status, canonical_json
from podium.records.refusals import NOT_ALLOWED, StoreError, store_errors
from podium.records.target import Target

__all__ = ["Store", "StoreError", "SyncResult"]

METRICS_PER_CALL = 1000  # MLflow's limits
PARAMS_PER_CALL = 100
DIGEST_LENGTH = 36
DIED_TAG = f"podium.{mapping.DIED}"
# Pauses until whoever makes an experiment has the rights to it: 32 machines at once slow a server down.
RIGHTS_AFTER_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
YOUNG_MS = 60_000
ARTIFACTS = ("record.json", "config.yaml", "network.safetensors", "predictions.npz", "*.png")


@dataclass(frozen=True)
class SyncResult:
    """What one push did. ``closed``: the run is over and MLflow has all of it."""

    run_id: str
    points: int
    files: int
    closed: bool


class Store:
    """A connection to one MLflow experiment.

    Raises:
        StoreError: MLflow cannot be reached, or the experiment was deleted.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._runs: dict[str, Progress] = {}
        self._unanswered = False
        self._young = False
        with store_errors(), _schema_lock(target.database):
            self._client = MlflowClient(tracking_uri=target.uri)
            self._experiment = self._find_experiment()
        self._groups = Groups(self._client, self._experiment)

    def sync_run(self, folder: Path) -> SyncResult:
        """Push what MLflow lacks of one run.

        Raises:
            ValueError: the record or the journal is damaged.
            StoreError: MLflow cannot be reached or refused something; the next call asks it what it has.
        """
        record = RunRecord.load(folder)
        try:
            with store_errors():
                return self._push_when_allowed(record, folder)
        except BaseException:  # after Ctrl-C too, nobody knows what MLflow took
            self._unanswered = True
            self.forget()
            raise

    def forget(self) -> None:
        """Take nothing for granted: someone else may have written, or an answer was lost."""
        self._runs.clear()
        self._groups.forget()

    def close_groups(self, still_open: set[str]) -> None:
        """Close the parents that this process met and whose runs are all over.

        Raises:
            StoreError: MLflow cannot be reached.
        """
        with store_errors():
            self._groups.close(still_open)

    def _push_when_allowed(self, record: RunRecord, folder: Path) -> SyncResult:
        """A server with accounts makes an experiment first and gives its maker the rights to it after that: who finds it in
        between is refused for a moment.
        """
        for pause in RIGHTS_AFTER_S if self._young else ():
            try:
                return self._push(record, folder)
            except MlflowException as error:
                if error.error_code != NOT_ALLOWED:
                    raise
                self.forget()
                time.sleep(pause)
        self._young = False  # it is waited for once: without rights by now there will be none
        return self._push(record, folder)

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
        if closed:
            if self._unanswered:
                self._find_run(record.run_key, mine=known.run_id)
            while self._adopt(known, self._groups.parent_of(record, known.last_ms or _now_ms())):
                pass  # the group may have been merged into another before it was written down
        files = self._upload(known, record, folder) if closed else 0
        self._set_status(known, record)
        return SyncResult(run_id=known.run_id, points=len(points), files=files, closed=closed)

    def _open(self, known: Progress, record: RunRecord, start_ms: int) -> None:
        """Find the run in MLflow with all that is there, or create it."""
        parent = self._groups.parent_of(record, start_ms)
        found = self._find_run(record.run_key, mine=None)
        if found is None:
            tags = mapping.tags(record) | ({PARENT_TAG: parent} if parent else {})
            made = self._client.create_run(
                self._experiment, start_time=start_ms, tags=tags, run_name=tags["mlflow.runName"]
            )
            known.run_id, known.tags = made.info.run_id, tags
            return
        known.run_id, known.status = found.info.run_id, found.info.status
        known.tags, known.params = dict(found.data.tags), set(found.data.params)
        known.has_data = bool(found.inputs and found.inputs.dataset_inputs)
        known.there = self._points_there(known.run_id, sorted(found.data.metrics))
        self._adopt(known, parent)

    def _points_there(self, run_id: str, names: list[str]) -> set[tuple[str, int]]:
        return {
            (name, point.step) for name in names for point in self._client.get_metric_history(run_id, name)
        }

    def _adopt(self, known: Progress, parent: str | None) -> bool:
        """Put a run under its group, which may be another than before; whether it had to be."""
        moved = parent is not None and known.tags.get(PARENT_TAG) != parent
        if parent is not None and moved:
            self._client.set_tag(known.run_id, PARENT_TAG, parent)
            known.tags[PARENT_TAG] = parent
        return moved

    def _find_run(self, run_key: str, *, mine: str | None) -> Run | None:
        """The run of that key. A server that carries out a request after its sender gave up makes it a second time: ``mine``
        stays, or the first by id, and others are deleted.
        """
        found = self._client.search_runs([self._experiment], f"tags.`podium.run_key` = '{run_key}'")
        runs = sorted(found, key=lambda run: (run.info.run_id != mine, str(run.info.run_id)))
        for other in runs[1:]:
            self._client.delete_run(other.info.run_id)
        return runs[0] if runs else None

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
                f"has {name} among its deleted experiments; restore it, or set tracking.experiment", away=True
            )
        self._young = abs(_now_ms() - (experiment.creation_time or 0)) < YOUNG_MS
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
        inputs = [DatasetInput(data, [InputTag("mlflow.data.context", "training")])]
        try:
            self._client.log_inputs(known.run_id, inputs)
        except MlflowException as error:
            if error.error_code != "BAD_REQUEST":
                raise
            self._client.log_inputs(known.run_id, inputs)  # another machine made the data set meanwhile
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
