"""The runs in MLflow that stand for groups of runs: a sweep, a trial, an entry. Each is there once.

Machines that begin together do not know of each other, and MLflow has no lock, so two can make the same group at the
same time. Whoever then looks, at the latest when a run of that group ends, sees both: the one with the smallest id
stays, takes over the other's children, and the other is deleted. Everyone chooses the same one, so it does not
matter who looks, how often, or how many at once. Who still knows the deleted one looks again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from podium.records import mapping
from podium.records.record import RunRecord, Status

PARENT_TAG = "mlflow.parentRunId"
PAGE = 1000
GONE = "INVALID_PARAMETER_VALUE"  # what MLflow answers about a run that was deleted


@dataclass
class _Group:
    run_id: str
    status: str
    parent: str | None


class Groups:
    """The groups of one MLflow experiment, as far as this process met them."""

    def __init__(self, client: MlflowClient, experiment: str) -> None:
        self._client = client
        self._experiment = experiment
        self._met: dict[str, _Group] = {}

    def parent_of(self, record: RunRecord, start_ms: int) -> str | None:
        """The innermost group's run; missing ones are made, doubled ones made one, and a live run opens them again.

        The group that something was put under may have been merged into another before that was written. So whoever
        wrote looks again, until there is nothing to write.
        """
        parent, wrote = self._look(record, start_ms)
        while wrote:
            parent, wrote = self._look(record, start_ms)
        return parent

    def _look(self, record: RunRecord, start_ms: int) -> tuple[str | None, bool]:
        parent, wrote = None, False
        for key, name in zip(mapping.group_keys(record), record.groups or [], strict=True):
            group = self._only(key)
            if group is None:
                self._make(key, name, parent, start_ms)
                wrote = True
                group = self._only(key)
            assert group is not None, "a run that was just made is found"
            if parent is not None and group.parent != parent:
                with _unless_deleted():
                    self._client.set_tag(group.run_id, PARENT_TAG, parent)
                wrote = True
            if record.status is Status.RUNNING:
                group = self._as(key, group, "RUNNING")
            self._met[key] = group
            parent = group.run_id
        return parent, wrote

    def close(self, still_open: set[str]) -> None:
        """Close the groups that this process met and whose runs are all over."""
        for key, group in list(self._met.items()):
            if key not in still_open:
                self._met[key] = self._as(key, group, "FINISHED")

    def forget(self) -> None:
        """Take nothing for granted."""
        self._met.clear()

    def _only(self, key: str) -> _Group | None:
        """The group of that key, after doubled ones were made one."""
        moved_to = None
        while found := self._search(f"tags.`podium.group_key` = '{_short_hash(key)}'"):
            first, *others = sorted(found, key=lambda run: str(run.info.run_id))
            run_id = str(first.info.run_id)
            if not others and moved_to in (None, run_id):
                return _Group(run_id, first.info.status, first.data.tags.get(PARENT_TAG))
            if moved_to not in (None, run_id):  # another process merged it into this one meanwhile
                self._move_children(moved_to, into=run_id)
            for other in others:
                self._merge(other.info.run_id, into=run_id)
            moved_to = run_id
        return None

    def _as(self, key: str, group: _Group, status: str) -> _Group:
        """The group with that status, or the one that it was merged into since."""
        while group.status != status:
            try:
                self._set_status(group.run_id, status)
            except MlflowException as error:
                found = self._only(key) if error.error_code == GONE else None
                if found is None or found.run_id == group.run_id:
                    raise
                group = found
            else:
                group.status = status
        return group

    def _set_status(self, run_id: str, status: str) -> None:
        if status == "RUNNING":
            self._client.update_run(run_id, status=status)
        else:
            self._client.set_terminated(run_id, status)

    def _make(self, key: str, name: str, parent: str | None, start_ms: int) -> None:
        tags = {"podium.group": name, "podium.group_key": _short_hash(key)}
        if parent is not None:
            tags[PARENT_TAG] = parent
        self._client.create_run(self._experiment, start_time=start_ms, tags=tags, run_name=name)

    def _merge(self, run_id: str, *, into: str) -> None:
        self._move_children(run_id, into=into)
        with _unless_deleted():
            self._client.delete_run(run_id)
        self._move_children(
            run_id, into=into
        )  # whoever put one there meanwhile may have seen the group still alive

    def _move_children(self, run_id: str, *, into: str) -> None:
        while children := self._search(f"tags.`{PARENT_TAG}` = '{run_id}'"):
            for child in children:
                with _unless_deleted():
                    self._client.set_tag(child.info.run_id, PARENT_TAG, into)

    def _search(self, where: str) -> list[Run]:
        return list(self._client.search_runs([self._experiment], where, max_results=PAGE))


@contextmanager
def _unless_deleted() -> Iterator[None]:
    """Another process that makes the same groups one may have been faster."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != GONE:
            raise


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
