"""The boards of docs/boards are what their records give, and reach what was published."""

import json
import shutil
from pathlib import Path

import pytest

from podium.leaderboard.summary import builders
from podium.leaderboard.verify import verify

BOARDS = Path(__file__).parents[1] / "docs" / "boards"
# Greydanus and Kobak 2024: accuracies in per cent, and how many points a mean over seeds may be away.
PUBLISHED = {
    "mnist1d": ({"mnist1d_logistic": 32, "mnist1d_mlp": 68, "mnist1d_cnn": 94}, 2),
    "mnist1d_shuffled": ({"mnist1d_logistic": 32, "mnist1d_mlp": 68, "mnist1d_cnn": 56}, 5),
}


def summary(name):
    return json.loads((BOARDS / name / "board.json").read_text(encoding="utf-8"))


def problems(folder):
    """What verify finds; a page made by other versions of the plotting library may differ in its bytes."""
    same = json.loads((folder / "board.json").read_text(encoding="utf-8"))["built_with"] == builders()
    return [found for found in verify(folder) if same or found.field not in ("bytes", "built_with")]


def test_there_is_a_board_for_each_published_table():
    assert sorted(folder.name for folder in BOARDS.iterdir() if folder.is_dir()) == sorted(PUBLISHED)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_board_is_what_its_records_give(name):
    assert problems(BOARDS / name) == []


def test_an_edited_board_would_be_found(tmp_path):
    folder = shutil.copytree(BOARDS / "mnist1d", tmp_path / "mnist1d")
    record = next(iter(sorted(folder.glob("records/*/record.json"))))
    text = record.read_text(encoding="utf-8")
    error = json.loads(text)["metrics"]["test/top1_error"]
    record.write_text(
        text.replace(f'"test/top1_error": {error}', '"test/top1_error": 0.001', 1), encoding="utf-8"
    )
    assert problems(folder)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_board_reaches_the_published_figures(name):
    published, points = PUBLISHED[name]
    accuracy = {row["entry"]: 100 * (1 - row["values"]["top1_error"]) for row in summary(name)["rows"]}
    assert accuracy == {entry: pytest.approx(figure, abs=points) for entry, figure in published.items()}
