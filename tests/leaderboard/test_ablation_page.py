"""The page of an ablation: what it says, that it rebuilds to the same bytes, and that verify reads it as any board."""

import csv
import json
import re
import shutil
import xml.dom.minidom
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from leaderboard.ablations import FACTORS, entries_of, make, make_ablation, noise, write
from leaderboard.test_ablation_effects import additive, only_together
from podium.leaderboard.ablation_page import ablate_command, render, train_command, watching
from podium.leaderboard.build import build, files_of, rebuild
from podium.leaderboard.rows import row_records
from podium.leaderboard.verify import verify
from podium.records.record import Status

ALL = ["leave_one_out", "add_one", "pairwise"]


@pytest.fixture(scope="module")
def table():
    """Every question, with one run that diverged."""
    lost = {("mixup_and_flip", 2): Status.DIVERGED}
    return make(make_ablation([*FACTORS, "tricks.swa"], ALL), only_together, lost=lost)


@pytest.fixture(scope="module")
def files(table):
    return {name: content.decode() for name, content in render(table).items()}


@pytest.fixture(scope="module")
def published_once(tmp_path_factory):
    folder, board = tmp_path_factory.mktemp("ablation"), make_ablation()
    lost = {("without_flip", 4): Status.FAILED}
    build(board, entries_of(board), write(board, additive, folder / "runs", lost=lost), folder / "report")
    return folder / "report"


@pytest.fixture
def published(published_once, tmp_path):
    return Path(shutil.copytree(published_once, tmp_path / "report"))


def text_of(html):
    """What a reader sees, blanks made one."""
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_says_which_work_only_together_and_which_runs_are_missing(files):
    said = text_of(files["index.html"])
    assert "they work only together" in said
    assert "mixup + flip , seed 2: diverged – it diverged" in said
    assert "no claim: not every seed finished" in said
    assert "not told apart is not proof of nothing" in said
    assert "in company: mixup (+5" in said.replace("Found to help ", "")


def test_the_page_is_whole_in_itself(files):
    page = files["index.html"]
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    assert page.count("<h1") == 1
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_every_question_and_every_variation_is_there(table, files):
    lines = list(csv.DictReader(files["ablation.csv"].splitlines()))
    assert len(lines) == len(json.loads(files["board.json"])["answers"]) == 4 + 4 + 6 + 4
    assert [line["weights"] for line in lines][:2] == ["all - without_mixup", "all - without_cutout"]
    for name in ("ablation.md", "index.html"):
        shown = files[name].replace("\\", "")
        assert all(row.entry.name in shown for row in table.rows)
    tables = [line for line in files["ablation.md"].splitlines() if line.startswith("|")]
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in tables]
    assert cells == [8] * (18 + 2) + [5] * (len(table.rows) + 2)


def test_pictures_are_files_of_their_own_with_colours(files):
    for name in ("worth.svg", "together.svg"):
        xml.dom.minidom.parseString(files[name])
        assert "--accent:" in files[name]
    assert files["together.svg"].count("<text") == 10 + 8  # cells of the lower half, and names on two sides


def test_worths_are_per_cent_of_an_error_and_plain_of_a_loss():
    table = make(make_ablation(metric="validation/loss"), additive)
    assert "loss taken away" in render(table)["index.html"].decode()
    (mixup, *_) = json.loads(render(table)["board.json"])["answers"]
    assert mixup["worth"] == pytest.approx(0.06, abs=0.01)
    assert "+0.06" in render(table)["ablation.md"].decode()


@pytest.mark.parametrize(("metric", "warned"), [("validation/top1_error", False), ("test/top1_error", True)])
def test_a_page_of_the_test_split_warns_of_choosing_by_it(metric, warned):
    said = text_of(render(make(make_ablation(metric=metric), additive))["index.html"].decode())
    assert ("Do not choose tricks by this page" in said) is warned


@pytest.mark.parametrize("metric", ["validation/top1_error", "test/top1_error"])
def test_a_trick_that_looks_at_the_validation_split_is_named_where_that_split_measures(metric):
    board = make_ablation(metric=metric)
    table = make(board, additive)
    blocks = {"mixup": {"monitor": "validation/loss"}, "cutout": {"side": 0.5}}
    rows = tuple(
        replace(
            row,
            runs=tuple(replace(run, record=run.record.with_(config={"tricks": blocks})) for run in row.runs),
        )
        for row in table.rows
    )
    assert watching(table) == []
    assert watching(replace(table, rows=rows)) == (["mixup"] if metric.startswith("validation") else [])


def test_its_commands_say_what_was_run(table):
    small = make(make_ablation(), additive)
    assert train_command(small, "without_flip", 3) == (
        "podium train entry=lecture_cnn 'tricks=[mixup,cutout]' augment=flip '~augment.flip' seed=3"
    )
    assert ablate_command(table).endswith(
        "--leave-one-out --add-one --pairwise --seeds 5 --metric validation/top1_error"
    )


def test_a_report_rebuilds_to_the_same_bytes(published, tmp_path):
    rebuild(published, tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(published)
    assert all(
        (tmp_path / "again" / n).read_bytes() == (published / n).read_bytes() for n in files_of(published)
    )


def test_verify_finds_nothing_in_a_report_and_every_edit_of_it(published):
    assert verify(published) == []
    page = published / "ablation.csv"
    page.write_text(page.read_text().replace("mixup", "mixdown"))
    assert {(found.file, found.field) for found in verify(published)} == {
        ("ablation.csv", "sha256"),
        ("ablation.csv", "bytes"),
    }


def test_verify_finds_a_record_that_was_changed(published):
    folder = published / json.loads((published / "board.json").read_text())["rows"][0]["runs"][0]["folder"]
    record = json.loads((folder / "record.json").read_text())
    record["metrics"]["test/top1_error"] = 0.001
    (folder / "record.json").write_text(json.dumps(record))
    assert any(found.field == "metrics.test/top1_error" for found in verify(published))


def test_a_row_of_a_report_can_be_found_to_be_reproduced(published):
    rows = json.loads((published / "board.json").read_text())["rows"]
    assert "rank" not in rows[0]
    assert [record.seed for record in row_records(published, 1)] == [0, 1, 2, 3, 4]


def test_a_report_of_runs_that_all_failed_is_still_a_page():
    board = make_ablation()
    lost = {(key, seed): Status.FAILED for key in board.entries for seed in board.seeds}
    said = text_of(render(make(board, noise, lost=lost))["index.html"].decode())
    assert "20 planned runs do not count" in said
    assert "nothing is claimed" in said
