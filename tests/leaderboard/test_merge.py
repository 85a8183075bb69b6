"""Boards of several teams as one: what ranks alike is joined, and what does not is refused with the reason."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard.factory import DATA, ENVIRONMENT, make_board, make_config, make_entry, write_run
from podium.leaderboard import merge as module
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.merge import merge
from podium.leaderboard.rows import read_summary
from podium.leaderboard.summary import definition
from podium.leaderboard.tried import account, read_tried
from podium.leaderboard.verify import verify
from podium.run.boards import merge_command
from podium.run.errors import ConfigError

Make = Callable[..., Path]
FILES = ("index.html", "board.json", "leaderboard.md", "leaderboard.csv", "checksums.json")


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """The board of a team, of entries by their keys; ``changes`` are for every record."""

    def make(
        team: str,
        keys: list[str],
        *,
        board: dict[str, Any] | None = None,
        tried: bool = False,
        **changes: Any,
    ) -> Path:
        planned, runs = make_board(keys, **(board or {})), tmp_path / team / "runs"
        folders = [write_run(runs, key, seed, **changes) for key in keys for seed in planned.seeds]
        entries = [make_entry(key) for key in keys]
        configs = {entry.key: make_config(entry.key, entry.name, 0) for entry in entries}
        known = account(entries, configs, [runs]) if tried else None
        build(planned, entries, folders, tmp_path / team / "board", tried=known)
        return tmp_path / team / "board"

    return make


@pytest.mark.parametrize("tried", [False, True], ids=["no_account", "accounts"])
def test_a_merged_board_is_the_board_of_all_runs(make: Make, tmp_path: Path, tried: bool) -> None:
    parts = [make("one", ["linear", "lecture_cnn"], tried=tried), make("two", ["dense32"], tried=tried)]
    whole = make("both", ["linear", "lecture_cnn", "dense32"], tried=tried)
    merge(parts, tmp_path / "out")
    assert verify(tmp_path / "out") == []
    assert (tmp_path / "out" / "tried.json").is_file() is tried
    for name in FILES:
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_account_of_what_was_tried_is_of_all_or_not_there(make: Make, tmp_path: Path) -> None:
    merge([make("one", ["linear"], tried=True), make("two", ["dense32"])], tmp_path / "out")
    assert not (tmp_path / "out" / "tried.json").exists()


def other_data() -> Any:
    return replace(DATA, split="e" * 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"board": {"seeds": [0, 1, 2]}}, r"seeds must be the same .* run the seeds that lack on both"),
        ({"board": {"overrides": ["data=digits"]}}, "overrides must be the same"),
        (
            {"board": {"alpha": 0.01}},
            "alpha must be the same on boards that are merged, got 0.05 in .*one/board and 0.01",
        ),
        ({"board": {"metric": "test/top3_error"}}, "metric must be the same"),
        ({"board": {"rules": "1.0.1"}}, "rules must be the same"),
        ({"data": other_data()}, "data's split must be the same"),
        (
            {"environment": replace(ENVIRONMENT, cpu="Another CPU")},
            "hardware must be the same .* times do not compare",
        ),
    ],
    ids=["seeds", "settings", "alpha", "metric", "rules", "data", "hardware"],
)
def test_boards_that_do_not_rank_alike_are_refused(
    make: Make, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    parts = [make("one", ["linear"]), make("two", ["dense32"], **changes)]
    with pytest.raises(ValueError, match=message):
        merge(parts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_that_was_tried_for_entries_of_both_is_counted_once(make: Make, tmp_path: Path) -> None:
    parts = [make("one", ["linear"], tried=True), make("two", ["dense32"], tried=True)]
    shared = read_tried(parts[0])[0]  # type: ignore[index]
    for folder, key in zip(parts, ("linear", "dense32"), strict=True):
        known = [
            *(read_tried(folder) or []),
            replace(shared, run_key="sweep-1", entry_hash="f" * 64, entries=(key,)),
        ]
        board, entries = definition(read_summary(folder))
        build(
            board, entries, record_folders(folder), folder, tried=sorted(known, key=lambda one: one.run_key)
        )
    merge(parts, tmp_path / "out")
    (found,) = [one for one in read_tried(tmp_path / "out") or [] if one.run_key == "sweep-1"]
    assert found.entries == ("linear", "dense32")


def test_without_that_check_they_would_be_joined(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [make("one", ["linear"]), make("two", ["dense32"], board={"alpha": 0.01})]
    monkeypatch.setattr(module, "_check_alike", lambda first, other: None)
    assert len(merge(parts, tmp_path / "out").rows) == 2


def test_an_entry_that_both_have_is_reproduced_and_not_added(make: Make, tmp_path: Path) -> None:
    parts = [make("one", ["linear", "dense32"]), make("two", ["dense32"])]
    with pytest.raises(ValueError, match=r"got dense32 in .* leave it out of one: podium reproduce compares"):
        merge(parts, tmp_path / "out")


def test_two_entries_of_one_name_are_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make("one", ["linear"])
    monkeypatch.setitem(
        __import__("leaderboard.factory").factory.NETWORKS, "dense32", ("linear", 0.04, 1, 1, 1)
    )
    with pytest.raises(ValueError, match=r"two different ones with the name linear"):
        merge([one, make("two", ["dense32"])], tmp_path / "out")


def test_a_board_that_is_not_as_its_records_say_is_refused(make: Make, tmp_path: Path) -> None:
    parts = [make("one", ["linear"]), make("two", ["dense32"])]
    page = parts[1] / "leaderboard.md"
    page.write_text(page.read_text().replace("| 1 |", "| 2 |"))
    with pytest.raises(ValueError, match=r"two/board must be as its records say, got \d+ problems"):
        merge(parts, tmp_path / "out")


def test_one_board_is_not_merged(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="boards must be two or more to be merged, got 1"):
        merge_command([make("one", ["linear"])], out=tmp_path / "out")


def test_the_command_shows_the_table_and_where_the_page_is(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert merge_command([make("one", ["linear"]), make("two", ["dense32"])], out=tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "| linear |" in said
    assert f"page: {tmp_path / 'out' / 'index.html'}" in said
    assert json.loads((tmp_path / "out" / "board.json").read_text())["board"]["entries"] == [
        "linear",
        "dense32",
    ]
