import errno
import json
import logging
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.records import journal as module
from podium.records.journal import Journal, Tail, history, read


def written(path: Path, steps: int = 3) -> Journal:
    journal = Journal(path)
    journal.start("key")
    for step in range(steps):
        journal.points(step, 0, {"train/loss": float(step)})
    journal.flush()
    return journal


def test_what_was_written_is_read(tmp_path: Path) -> None:
    journal = written(tmp_path / "events.jsonl")
    journal.finish("finished")
    events = read(journal.path)
    assert [event["kind"] for event in events] == ["start", "point", "point", "point", "finish"]
    assert history(events) == {"train/loss": [[0, 0.0], [1, 1.0], [2, 2.0]]}
    assert events[0]["pid"] == os.getpid()


@given(st.dictionaries(st.text(min_size=1), st.floats(), max_size=5))
def test_metrics_come_back_as_they_were_also_when_not_finite(
    tmp_path_factory, metrics: dict[str, float]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "events.jsonl"
    journal = written(path, steps=0)
    journal.points(1, 0, metrics)
    journal.finish("finished")
    found = read(path)[1]["metrics"]
    assert found.keys() == metrics.keys()
    assert all(found[k] == v or (math.isnan(v) and math.isnan(found[k])) for k, v in metrics.items())


def test_points_wait_for_the_flush_and_a_flush_is_one_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written(tmp_path / "events.jsonl", steps=0)
    writes = []
    real = os.pwrite
    monkeypatch.setattr(module.os, "pwrite", lambda *a: writes.append(1) or real(*a))
    for step in range(50):
        journal.points(step, 0, {"train/loss": 1.0})
    assert len(read(journal.path)) == 1
    journal.flush()
    assert len(read(journal.path)) == 51
    assert len(writes) == 1


@pytest.mark.parametrize("tail", [b'{"kind": "poi', b"\0\0\0\0", b'{"kind": "point"}\n', b"\0\0\n", b"[]\n"])
def test_a_torn_end_is_ignored_by_readers_and_cut_off_by_the_writer(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "events.jsonl"
    written(path).close()
    with path.open("ab") as file:
        file.write(tail)
    assert len(read(path)) == 4
    again = Journal(path)
    again.resume(1)
    again.points(2, 0, {"train/loss": 2.5})
    again.flush()
    assert [json.loads(line)["kind"] for line in path.read_text().splitlines()][-2:] == ["resume", "point"]
    assert history(read(path)) == {"train/loss": [[0, 0.0], [1, 1.0], [2, 2.5]]}


def test_a_resume_makes_later_points_void_and_a_start_all_of_them(tmp_path: Path) -> None:
    journal = written(tmp_path / "events.jsonl", steps=5)
    journal.resume(2)
    assert history(read(journal.path)) == {"train/loss": [[0, 0.0], [1, 1.0], [2, 2.0]]}
    journal.start("key")
    assert history(read(journal.path)) == {}
    assert [event["kind"] for event in read(journal.path)] == ["start", "resume", "start"]


def test_a_run_begun_anew_leaves_nothing_of_the_failed_one(tmp_path: Path) -> None:
    written(tmp_path / "events.jsonl").finish("failed")
    Journal(tmp_path / "events.jsonl").start("another key")
    assert [event["kind"] for event in read(tmp_path / "events.jsonl")] == ["start"]


def test_a_damaged_line_before_the_last_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    written(path).close()
    path.write_bytes(b"damage\n" + path.read_bytes())
    with pytest.raises(ValueError, match="must hold one JSON event a line, got b'damage'"):
        read(path)


def test_a_full_disk_is_reported_once_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = written(tmp_path / "events.jsonl", steps=2)
    real, room = os.pwrite, [30]

    def full(handle: int, content: bytes, offset: int) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(handle, content[: room[0]], offset)
        room[0] -= taken
        return taken

    monkeypatch.setattr(module.os, "pwrite", full)
    with caplog.at_level(logging.WARNING):
        for step in range(2, 6):
            journal.points(step, 0, {"train/loss": float(step)})
            journal.flush()
            assert len(read(journal.path)) == 3
    assert journal.failures == 4
    assert len(caplog.records) == 1
    monkeypatch.setattr(module.os, "pwrite", real)
    journal.finish("finished")
    assert history(read(journal.path)) == {"train/loss": [[s, float(s)] for s in range(6)]}
    assert journal.lost == 0


def test_lines_that_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "events.jsonl")  # a folder that cannot exist
    for step in range(15):
        journal.points(step, 0, {"train/loss": 1.0})
        journal.flush()
    assert journal.lost == 5


def test_a_tail_gives_each_event_once(tmp_path: Path) -> None:
    journal = written(tmp_path / "events.jsonl")
    tail = Tail(journal.path)
    assert len(tail.new()) == 4
    assert tail.new() == []
    with journal.path.open("ab") as file:
        file.write(b'{"kind": "poi')
    assert tail.new() == []
    journal.close()
    journal.resume(2)
    assert [event["kind"] for event in tail.new()] == ["resume"]
