import json
import shutil
from pathlib import Path

import pytest

from podium.leaderboard.rows import read_summary, row_records


@pytest.fixture
def published(plain_once, tmp_path):
    return Path(shutil.copytree(plain_once, tmp_path / "digits"))


def test_a_rows_records_come_by_seed_failures_included(published):
    last = max(row["number"] for row in read_summary(published)["rows"])
    records = row_records(published, last)
    assert [(record.seed, str(record.status)) for record in records][-2:] == [
        (3, "finished"),
        (4, "diverged"),
    ]
    assert {record.name for record in records} == {"ResNet-20"}


@pytest.mark.parametrize("row", [0, -1, 5])
def test_a_row_that_is_not_there_is_refused(published, row):
    with pytest.raises(ValueError, match=f"row must be from 1 to 4, got {row}"):
        row_records(published, row)


def test_a_folder_that_is_no_board_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be the folder of a board, got no board\.json"):
        row_records(tmp_path, 1)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_damaged_summary_is_refused_in_one_line(published, content):
    (published / "board.json").write_text(content)
    with pytest.raises(ValueError, match="build the board again") as caught:
        row_records(published, 1)
    assert "\n" not in str(caught.value)


def test_a_row_never_leads_outside_the_board(published):
    raw = read_summary(published)
    raw["rows"][0]["runs"][0]["folder"] = "records/../../elsewhere"
    (published / "board.json").write_text(json.dumps(raw))
    with pytest.raises(ValueError, match="a run's folder must be records/"):
        row_records(published, 1)


def test_a_row_whose_records_are_gone_is_refused(published):
    shutil.rmtree(published / "records")
    with pytest.raises(ValueError, match=r"got no record\.json"):
        row_records(published, 1)
