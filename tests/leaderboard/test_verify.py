"""Every single edit of a published board is caught and named, and slips through when its check is off.

An edit is made by someone careful: after it, whatever can be made consistent again is (pages, checksums).
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.edits import (
    ALSO,
    EDITS,
    add_record,
    edit_config,
    edit_cost,
    edit_hash,
    finish_a_run,
    folder_of,
    remove_record,
    seal,
    swap_predictions,
)
from podium.leaderboard import summary as summary_module
from podium.leaderboard import verify as v
from podium.leaderboard.build import rebuild


@pytest.fixture
def published(plain_once, tmp_path):
    return Path(shutil.copytree(plain_once, tmp_path / "digits"))


def without(*checks: Callable[..., Any]) -> dict[str, Any]:
    return {
        "run_checks": [c for c in v.RUN_CHECKS if c not in checks],
        "board_checks": [c for c in v.BOARD_CHECKS if c not in checks],
    }


def names(problems: list[v.Problem], file: str, field: str) -> bool:
    return any(problem.file.endswith(file) and problem.field == field for problem in problems)


def test_the_untouched_board_is_clean(published):
    assert v.verify(published) == []


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_caught_and_named_and_slips_through_when_its_check_is_off(name, published):
    edit = EDITS[name]
    edit.do(published)
    edit.cover(published)
    found = v.verify(published)
    assert names(found, edit.file, edit.field), [str(problem) for problem in found]
    assert all("\n" not in str(problem) and problem.says != problem.recomputed for problem in found)
    assert v.verify(published, **without(edit.check, *ALSO.get(name, ()))) == []


@pytest.mark.parametrize(
    ("do", "file", "field"),
    [
        (remove_record, "board.json", "rows"),
        (add_record, "record.json", "record"),
        (swap_predictions, "record.json", "files.predictions.npz"),
        (swap_predictions, "record.json", "metrics.test/loss"),
        (edit_config, "record.json", "entry_hash"),
        (edit_hash, "record.json", "entry_hash"),
        (finish_a_run, "record.json", "status"),
        (edit_cost, "record.json", "sha256"),
        (edit_cost, "index.html", "bytes"),
    ],
)
def test_an_edit_of_the_records_is_named_by_every_check_that_sees_it(published, do, file, field):
    do(published)
    assert names(v.verify(published), file, field)


@pytest.mark.parametrize("do", [remove_record, add_record])
def test_a_removed_or_added_record_slips_through_without_the_checks_of_membership_and_pages(published, do):
    do(published)
    seal(published)
    checks = [v.check_checksums]
    assert v.verify(published)
    assert v.verify(published, board_checks=[v.check_membership])
    assert v.verify(published, board_checks=[v.check_pages])
    assert v.verify(published, board_checks=checks) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("record.json", b"{"),
        ("record.json", b'{"schema": 1}'),
        ("predictions.npz", b"not an archive"),
        ("predictions.npz", b""),
    ],
)
def test_damaged_records_are_named_in_one_line(published, name, content):
    (folder_of(published) / name).write_bytes(content)
    found = v.verify(published)
    assert any(problem.field == "content" for problem in found)
    assert all("\n" not in str(problem) for problem in found)


def test_predictions_with_pickled_objects_are_not_opened(published):
    np.savez(
        folder_of(published) / "predictions.npz", index=1, label=np.array([{}], dtype=object), probability=1
    )
    assert any("allow_pickle=False" in problem.recomputed for problem in v.verify(published))


@pytest.mark.parametrize("content", [b"{}", b'{"schema": 1}', b'{"schema": 1, "board": {}, "entries": []}'])
def test_a_board_without_its_definition_is_named(published, content):
    (published / "board.json").write_bytes(content)
    assert [(p.file, p.field) for p in v.verify(published)] == [("board.json", "board")]


def test_missing_checksums_and_pages_are_named(published):
    (published / "checksums.json").unlink()
    (published / "index.html").unlink()
    found = v.verify(published)
    assert names(found, "checksums.json", "content")
    assert names(found, "index.html", "file")


def test_a_page_of_other_library_versions_says_so(published, monkeypatch):
    monkeypatch.setattr(summary_module, "BUILDERS", ("podium",))
    assert names(v.verify(published), "board.json", "built_with")


def test_a_folder_that_is_no_board_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be the folder of a board"):
        v.verify(tmp_path)


def test_a_rebuilt_board_is_clean(published, tmp_path):
    rebuild(published, tmp_path / "again")
    assert v.verify(tmp_path / "again") == []
