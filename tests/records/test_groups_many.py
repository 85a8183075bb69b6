"""Many machines make the same groups at once, in orders of their requests that are drawn: every one is there once."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

from podium.records.groups import PARENT_TAG, Groups, _short_hash
from podium.records.record import Status

MACHINES, ORDERS = 6, 400
SWEEP = '["sweep"]'


class Turns:
    """Lets one thread at a time make one request; which one is drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.gates: dict[int, threading.Event] = {}
        self.rests = threading.Semaphore(0)

    def request(self) -> None:
        """Called by a machine before each request: waits for its turn."""
        self.rests.release()
        gate = self.gates[threading.get_ident()]
        gate.wait(60)
        gate.clear()

    def run(self, jobs: list[Any]) -> list[BaseException]:
        """Run the jobs, each in a thread, to their ends; gives their errors."""
        errors: list[BaseException] = []
        alive: list[threading.Thread] = []

        def whole(job: Any) -> None:
            try:
                job()
            except BaseException as error:  # told by the test
                errors.append(error)
            alive.remove(threading.current_thread())
            self.rests.release()

        for job in jobs:
            thread = threading.Thread(target=whole, args=(job,), daemon=True)
            alive.append(thread)
            begun = threading.Event()
            thread.run = self._after(begun, thread.run)  # type: ignore[method-assign]
            thread.start()
            self.gates[thread.ident or 0] = threading.Event()
            begun.set()
            self.rests.acquire()
        for thread in alive[::2]:  # some look for the sweep before one makes it
            self.gates[thread.ident or 0].set()
            assert self.rests.acquire(timeout=60)
        speed = {thread: 10 ** self.draw.uniform(-3, 0) for thread in alive}
        while alive:
            (turn,) = self.draw.choices(alive, [speed[thread] for thread in alive])
            if self.draw.random() < 0.1:  # who was fast stops, as on a busy machine
                speed[turn] = 10 ** self.draw.uniform(-3, 0)
            self.gates[turn.ident or 0].set()
            assert self.rests.acquire(timeout=60)
        return errors

    @staticmethod
    def _after(begun: threading.Event, run: Any) -> Any:
        def later() -> None:
            begun.wait(60)
            run()

        return later


class Tracking:
    """What MLflow answers to the requests of groups; ids are drawn, as its are. ``before`` hears of each request first."""

    def __init__(self, before: Callable[[str], None], draw: random.Random) -> None:
        self.before, self.draw = before, draw
        self.tags: dict[str, dict[str, str]] = {}
        self.status: dict[str, str] = {}
        self.deleted: set[str] = set()

    def add(self, run_id: str, tags: dict[str, str]) -> None:
        self.tags[run_id], self.status[run_id] = dict(tags), "RUNNING"

    def search_runs(self, experiments: list[str], where: str, max_results: int) -> list[Any]:
        self.before("search_runs")
        key, _, value = where.removeprefix("tags.").replace("`", "").partition(" = ")
        named = [run for run, tags in self.tags.items() if tags.get(key) == value.strip("'")]
        return [self._shown(run) for run in named if run not in self.deleted][:max_results]

    def create_run(self, _: str, tags: dict[str, str], **__: Any) -> Any:
        self.before("create_run")
        run_id = f"{self.draw.getrandbits(64):016x}"
        self.add(run_id, tags)
        return self._shown(run_id)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._living("set_tag", run_id)
        self.tags[run_id][key] = value

    def delete_run(self, run_id: str) -> None:
        self._living("delete_run", run_id)
        self.deleted.add(run_id)

    def update_run(self, run_id: str, status: str) -> None:
        self._living("update_run", run_id)
        self.status[run_id] = status

    set_terminated = update_run

    def _living(self, request: str, run_id: str) -> None:
        self.before(request)
        if run_id in self.deleted:
            raise MlflowException("Current state is deleted", error_code=INVALID_PARAMETER_VALUE)

    def _shown(self, run_id: str) -> Any:
        info = SimpleNamespace(run_id=run_id, status=self.status[run_id])
        return SimpleNamespace(info=info, data=SimpleNamespace(tags=dict(self.tags[run_id])))


def machine(client: Any, number: int) -> None:
    """One machine's run, of a sweep of all and of a trial that it shares with one other: it begins, ends and closes."""
    groups = Groups(client, "0")
    record = SimpleNamespace(groups=["sweep", f"trial{number // 2}"], status=Status.RUNNING)
    parent = groups.parent_of(record, 0)  # type: ignore[arg-type]
    run_id = client.create_run("0", tags={"run": str(number), PARENT_TAG: parent}).info.run_id
    record.status = Status.FINISHED
    while (now := groups.parent_of(record, 0)) != parent:  # type: ignore[arg-type]
        client.set_tag(run_id, PARENT_TAG, now)
        parent = now
    groups.close(set())


def wrong_in(seed: int) -> set[str]:
    """What is not as it should be after the machines made their requests in one drawn order."""
    turns = Turns(seed)
    client = Tracking(lambda _: turns.request(), turns.draw)
    errors = turns.run([lambda number=k: machine(client, number) for k in range(MACHINES)])
    left = {run: tags for run, tags in client.tags.items() if run not in client.deleted}
    names = Counter(tags["podium.group"] for tags in left.values() if "podium.group" in tags)
    by_name = {tags["podium.group"]: run for run, tags in left.items() if "podium.group" in tags}
    found = {type(error).__name__ for error in errors}
    found |= {f"{name} is there {times} times" for name, times in names.items() if times != 1}
    for run, tags in left.items():
        if "run" in tags:
            placed = tags[PARENT_TAG] == by_name[f"trial{int(tags['run']) // 2}"]
        else:
            placed = tags.get(PARENT_TAG) == (None if run == by_name["sweep"] else by_name["sweep"])
        if not placed:
            found.add("one is under a group that is gone")
    return found


def test_each_group_is_there_once_and_all_are_under_theirs() -> None:
    assert not {(seed, line) for seed in range(ORDERS) for line in wrong_in(seed)}


def test_without_looking_again_some_would_be_under_a_group_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Groups, "parent_of", lambda self, *words: self._look(*words)[0])
    assert "one is under a group that is gone" in {line for seed in range(ORDERS) for line in wrong_in(seed)}


def moved_while(request: str, meanwhile: Callable[[Tracking], None]) -> Tracking:
    """Two sweeps, 2 and 3, and a trial of sweep 3. This machine finds both; just before its first such request another
    one does what it does.
    """
    waiting = [meanwhile]

    def before(name: str) -> None:
        if name == request and waiting:
            waiting.pop()(client)

    client = Tracking(before, random.Random(0))
    for run_id in ("2", "3"):
        client.add(run_id, {"podium.group_key": _short_hash(SWEEP)})
    client.add("trial", {PARENT_TAG: "3"})
    Groups(client, "0")._only(SWEEP)  # type: ignore[arg-type]
    return client


def merge_further(client: Tracking) -> None:
    """Another machine merges sweep 2, which has no trial yet, into one that it made."""
    client.add("1", {"podium.group_key": _short_hash(SWEEP)})
    Groups(client, "0")._merge("2", into="1")  # type: ignore[arg-type]


def test_trials_that_were_moved_to_a_group_that_is_gone_are_moved_on(monkeypatch: pytest.MonkeyPatch) -> None:
    client = moved_while("set_tag", merge_further)
    assert client.deleted == {"2", "3"}
    assert client.tags["trial"][PARENT_TAG] == "1"
    move = Groups._move_children
    monkeypatch.setattr(
        Groups,
        "_move_children",
        lambda self, run_id, into: None if run_id == "2" else move(self, run_id, into=into),
    )
    assert moved_while("set_tag", merge_further).tags["trial"][PARENT_TAG] == "2"


def put_one_more(client: Tracking) -> None:
    """Another machine, which saw sweep 3 alive, puts a trial under it."""
    client.add("late", {PARENT_TAG: "3"})


def test_a_trial_that_comes_just_before_its_group_is_deleted_is_moved_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert moved_while("delete_run", put_one_more).tags["late"][PARENT_TAG] == "2"
    delete = Tracking.delete_run

    def for_good(self: Tracking, run_id: str) -> None:
        delete(self, run_id)
        monkeypatch.setattr(Groups, "_move_children", lambda *_, **__: None)

    monkeypatch.setattr(Tracking, "delete_run", for_good)
    assert moved_while("delete_run", put_one_more).tags["late"][PARENT_TAG] == "3"
