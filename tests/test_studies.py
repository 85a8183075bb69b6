"""The studies of docs/studies are what their records give, and are tested as conf/study says."""

import json
import shutil
from pathlib import Path

import pytest

from podium.leaderboard.study_page import book, edited, load
from podium.leaderboard.summary import builders
from podium.run.study import load_study, study_names

STUDIES = Path(__file__).parents[1] / "docs" / "studies"
NAMES = sorted(path.parent.name for path in STUDIES.glob("*/study.json"))


def found_edits(folder):
    """What differs; pages made by other versions of the plotting library may differ in their bytes."""
    same = json.loads((folder / "study.json").read_text(encoding="utf-8"))["built_with"] == builders()
    return [name for name in edited(folder) if same or name.startswith("records/") or name == "study.md"]


COSTLY = [study for study in map(load_study, study_names()) if study.cost]


def test_every_study_was_run_but_those_that_say_what_they_take():
    assert sorted({*NAMES, *(study.name for study in COSTLY)}) == study_names()


@pytest.mark.parametrize("name", NAMES)
def test_a_published_study_is_what_its_records_give(name):
    assert found_edits(STUDIES / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_published_study_was_tested_as_it_was_planned(name):
    found = load(STUDIES / name)
    assert found.study == load_study(name)
    assert all(len(one.values) >= 5 for one in found.variants) or found.verdict == "undecided"


def test_the_book_is_what_the_records_give():
    assert (STUDIES / "README.md").read_text(encoding="utf-8") == book(STUDIES, costly=COSTLY)


def test_an_edited_verdict_would_be_found(tmp_path):
    folder = shutil.copytree(STUDIES / "zeros_never_learn", tmp_path / "zeros_never_learn")
    page = folder / "study.md"
    text = page.read_text(encoding="utf-8")
    verdict = str(load(folder).verdict)
    page.write_text(text.replace(f"Verdict: {verdict}", "Verdict: proven"), encoding="utf-8")
    assert "study.md" in found_edits(folder)
