"""A run is in MLflow once, also where an answer is lost or a server carries out what its client gave up."""

import http.server
import threading
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, PERMISSION_DENIED

from podium.records import store
from podium.records.target import Target

from .folders import finish, start


def target(root: Path) -> Target:
    return Target(uri=f"sqlite:///{root}/mlflow.db", artifacts=f"{root}/mlartifacts", experiment="podium")


class Late:
    """A client whose first request for a run gets no answer; the server carries it out at the second one."""

    def __init__(self, client) -> None:
        self.client = client
        self.kept: list[tuple[tuple, dict]] = []

    def create_run(self, *words, **named):
        if not self.kept:
            self.kept.append((words, named))
            raise ConnectionError("no answer")
        made = self.client.create_run(*words, **named)
        self.client.create_run(*self.kept[0][0], **self.kept[0][1])
        return made

    def __getattr__(self, name: str):
        return getattr(self.client, name)


def carried_out_late(root: Path) -> None:
    to = store.Store(target(root))
    to._client = Late(to._client)
    journal, made = start(root / "b", seed=1)
    with pytest.raises(store.StoreError, match="no answer"):
        to.sync_run(root / "b")
    to.sync_run(root / "b")
    finish(root / "b", journal, made)
    assert to.sync_run(root / "b").closed


def keys(root: Path, look) -> list[str]:
    client = look(target(root).uri).client
    found = client.search_runs([client.get_experiment_by_name("podium").experiment_id])
    return sorted(run.data.tags["podium.run_key"] for run in found)


def test_a_run_that_the_server_made_twice_is_there_once(runs: Path, look) -> None:
    carried_out_late(runs)
    assert keys(runs, look) == ["key0", "key1"]
    seen = look(target(runs).uri)
    assert seen.runs()["key1"].info.status == "FINISHED"
    assert sum(seen.steps(seen.runs()["key1"]).values()) > 0


def test_without_looking_again_it_would_be_there_twice(runs: Path, look, monkeypatch) -> None:
    monkeypatch.setattr(store.Store, "_unanswered", property(lambda _: False, lambda *_: None), raising=False)
    carried_out_late(runs)
    assert keys(runs, look) == ["key0", "key1", "key1"]


def test_whoever_takes_over_finds_one_of_two(runs: Path, look) -> None:
    first = store.Store(target(runs))
    journal, made = start(runs / "b", seed=1)
    run_id = first.sync_run(runs / "b").run_id
    first._client.create_run(first._experiment, tags=first._client.get_run(run_id).data.tags)
    finish(runs / "b", journal, made)
    store.Store(target(runs)).sync_run(runs / "b")
    assert keys(runs, look) == ["key0", "key1"]


class Beside:
    """A client that MLflow refuses a data set so often, as when another machine makes the same one at that moment."""

    def __init__(self, client, refusals: int) -> None:
        self.client = client
        self.refusals = refusals

    def log_inputs(self, *words):
        if self.refusals:
            self.refusals -= 1
            raise MlflowException("duplicate key violates dataset_pk", error_code=BAD_REQUEST)
        return self.client.log_inputs(*words)

    def __getattr__(self, name: str):
        return getattr(self.client, name)


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_data_set_that_another_machine_made_at_that_moment_is_taken(
    runs: Path, look, refusals: int
) -> None:
    to = store.Store(target(runs))
    to._client = Beside(to._client, refusals)
    finish(runs / "b", *start(runs / "b", seed=1))
    if refusals == 2:  # it is no accident
        with pytest.raises(store.StoreError, match="dataset_pk"):
            to.sync_run(runs / "b")
        return
    assert to.sync_run(runs / "b").closed
    found = look(target(runs).uri).runs()["key1"]
    assert len(found.inputs.dataset_inputs) == 1


class BeforeItsRights:
    """A client that may not make runs yet, as in the moment in which another machine has made the experiment."""

    def __init__(self, client, refusals: int) -> None:
        self.client = client
        self.refusals = refusals

    def create_run(self, *words, **named):
        if self.refusals:
            self.refusals -= 1
            raise MlflowException("Permission denied", error_code=PERMISSION_DENIED)
        return self.client.create_run(*words, **named)

    def __getattr__(self, name: str):
        return getattr(self.client, name)


@pytest.mark.parametrize(("age_s", "refusals"), [(0, 2), (0, 9), (3600, 1)])
def test_the_moment_before_an_experiment_has_its_rights_is_waited_for(
    runs: Path, look, monkeypatch: pytest.MonkeyPatch, age_s: int, refusals: int
) -> None:
    made = look(target(runs).uri).client.get_experiment_by_name("podium").creation_time
    monkeypatch.setattr(store, "_now_ms", lambda: made + 1000 * age_s)
    monkeypatch.setattr(store, "RIGHTS_AFTER_S", (0.0,) * 4)
    to = store.Store(target(runs))
    to._client = BeforeItsRights(to._client, refusals)
    finish(runs / "b", *start(runs / "b", seed=1))
    if refusals == 2:
        assert to.sync_run(runs / "b").closed
        assert keys(runs, look) == ["key0", "key1"]
        return
    with pytest.raises(store.StoreError, match="refuses to answer without a user"):  # it has none for us
        to.sync_run(runs / "b")
    assert to._client.refusals == (4 if age_s == 0 else 0)
    if age_s == 0:
        with pytest.raises(store.StoreError):  # later runs do not wait again
            to.sync_run(runs / "b")
        assert to._client.refusals == 3


class Deaf(http.server.BaseHTTPRequestHandler):
    """Hears a request and closes the connection without an answer."""

    heard = 0

    def do_GET(self) -> None:
        type(self).heard += 1
        self.close_connection = True

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(("retries", "requests"), [(None, 1), ("1", 2)])
def test_a_request_without_an_answer_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch, retries: str | None, requests: int
) -> None:
    if retries is not None:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", retries)
    Deaf.heard = 0
    server = http.server.HTTPServer(("127.0.0.1", 0), Deaf)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(store.StoreError, match="cannot be reached"):
        store.Store(Target(uri=uri, artifacts=None, experiment="podium"))
    server.shutdown()
    assert Deaf.heard == requests
