"""Points that are sent again, after a resume, a power cut or a lost connection, are there once."""

import dataclasses
import time
from collections import Counter
from pathlib import Path

from podium.records import progress, store, sync

from .folders import database, finish, finished, start, take


def resumed_after_a_push(runs: Path) -> Path:
    """Steps 5 to 7 are pushed, then taken again after a resume: at other times, with the same values."""
    journal, made = start(runs / "b", seed=1, points=8)
    assert sync.sync(runs).points == 16
    time.sleep(0.01)
    journal.resume(4)
    take(journal, 5, 12)
    finish(runs / "b", journal, made)
    return runs / "b"


def test_points_taken_again_after_a_resume_are_there_once(runs: Path, look) -> None:
    resumed_after_a_push(runs)
    assert sync.sync(runs).problems == []
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"]) == Counter(range(12))


def test_with_the_check_switched_off_they_are_there_twice(runs: Path, look, monkeypatch) -> None:
    class Forgetful(set):
        def __contains__(self, point: object) -> bool:
            return False

    of = progress.Progress.of
    monkeypatch.setattr(
        progress.Progress, "of", lambda folder: dataclasses.replace(of(folder), there=Forgetful())
    )
    monkeypatch.setattr(store.Store, "_points_there", lambda *_: Forgetful())
    resumed_after_a_push(runs)
    sync.sync(runs)
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"])[5] == 2


def resumed_after_a_power_cut(runs: Path) -> None:
    """A power cut takes lines that were pushed; the resumed run writes them again, later."""
    journal, made = start(runs / "b", seed=1, points=8)
    sync.sync(runs)
    journal.close()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:-3]) + b"\0\0\0")
    time.sleep(0.01)
    journal.resume(4)
    take(journal, 5, 12)
    finish(runs / "b", journal, made)
    sync.sync(runs)


def test_points_that_only_mlflow_still_had_are_there_once(runs: Path, look) -> None:
    resumed_after_a_power_cut(runs)
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"]) == Counter(range(12))


def test_without_asking_mlflow_first_they_would_be_there_twice(runs: Path, look, monkeypatch) -> None:
    monkeypatch.setattr(store.Store, "_points_there", lambda *_: set())
    resumed_after_a_power_cut(runs)
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"])[5] == 2


def test_a_push_that_broke_off_is_completed(runs: Path, look, monkeypatch) -> None:
    finished(runs / "b", seed=1, points=1500)
    real, calls = store.MlflowClient.log_batch, []

    def breaks(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise ConnectionError("lost")
        return real(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(store.MlflowClient, "log_batch", breaks)
        assert "lost" in next(iter(sync.sync(runs).away.values()))
    assert sync.sync(runs).away == {}
    seen = look(database(runs))
    assert seen.steps(seen.runs()["key1"]) == Counter(range(1500))
