import json
import re
from dataclasses import replace

import pytest

from leaderboard.study_cases import make_candidate, make_record, make_records, make_study
from podium.leaderboard.study_page import book, build, edited, load, rebuild
from podium.leaderboard.study_verdict import Verdict

GOOD, BAD = [0.10, 0.11, 0.10, 0.12, 0.11], [0.20, 0.22, 0.21, 0.20, 0.21]
PLAIN = [make_candidate("a"), make_candidate("b")]
HOSTILE = "<script>alert(1)</script> | [x](y)"


@pytest.fixture
def folder(tmp_path):
    build(make_study(), PLAIN, make_records({"a": GOOD, "b": BAD}), tmp_path / "example")
    return tmp_path / "example"


def text(folder, name="study.md"):
    return (folder / name).read_text(encoding="utf-8")


def test_the_page_has_claim_verdict_effect_interval_commands_and_records(folder):
    page = text(folder)
    for part in (
        "a makes fewer errors than b.",
        "**Verdict: supported.**",
        "+10.00 points (+8.",
        "podium study run example",
        "podium train data=digits network=linear seed=0",
        "10 runs, 10 minutes of training",
        "effects.svg",
    ):
        assert part in page
    assert "supported" in text(folder, "index.html")
    assert len(list(folder.glob("records/*/record.json"))) == 10


def test_the_page_says_which_files_a_study_needs(folder, tmp_path):
    assert "This needs" not in text(folder) + text(folder, "index.html")
    study = make_study(needs="a file, which <b> makes")
    build(study, PLAIN, make_records({"a": GOOD, "b": BAD}), tmp_path / "needy" / "example")
    assert "This needs a file, which &lt;b&gt; makes." in text(tmp_path / "needy" / "example")
    assert "<p>This needs a file, which &lt;b&gt; makes.</p>" in text(
        tmp_path / "needy" / "example", "index.html"
    )


def test_the_picture_of_effects_has_the_digits_of_the_page(tmp_path):
    study = make_study(metric="test/loss")
    runs = {name: [{"test/loss": value} for value in found] for name, found in (("a", GOOD), ("b", BAD))}
    records = [make_record(name, seed, one) for name, each in runs.items() for seed, one in enumerate(each)]
    build(study, PLAIN, records, tmp_path / "example")
    assert "+0.1000 loss (+0.08" in text(tmp_path / "example")
    assert "+0.1000 (+0.08" in text(tmp_path / "example", "effects.svg")


def test_pages_are_the_same_bytes_from_the_records_beside_them(folder):
    assert edited(folder) == []
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    rebuild(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["study.md", "index.html", "study.json"])
def test_an_edited_verdict_is_found(folder, name):
    (folder / name).write_text(text(folder, name).replace("supported", "contradicted"), encoding="utf-8")
    assert name in edited(folder)


def test_an_edited_record_is_found(folder):
    path = next(iter(sorted(folder.glob("records/*/record.json"))))
    wrong = re.sub(r'_error": [0-9.]+', '_error": 0.9', text(path.parent, path.name))
    path.write_text(wrong, encoding="utf-8")
    assert "checksums.json" in edited(folder)


def test_an_undecided_page_says_what_it_would_take(tmp_path):
    records = make_records({"a": GOOD, "b": [0.11, 0.13, 0.09, 0.12, 0.12]})
    build(make_study(), PLAIN, records, tmp_path / "example")
    assert "would need about" in text(tmp_path / "example")


def test_failures_are_on_the_page(tmp_path):
    records = [*make_records({"a": GOOD, "b": BAD[:4]}), make_record("b", 4, None)]
    build(make_study(), PLAIN, records, tmp_path / "example")
    for name in ("study.md", "index.html"):
        assert "the loss was NaN" in text(tmp_path / "example", name)
    assert "1 of 5 seeds have no value" in text(tmp_path / "example")


def test_hostile_text_is_shown_as_text(tmp_path):
    records = [*make_records({"a": GOOD, "b": BAD[:4]}), replace(make_record("b", 4, None), error=HOSTILE)]
    build(make_study(claim=HOSTILE), PLAIN, records, tmp_path / "example")
    for name in ("study.md", "index.html"):
        assert "<script>" not in text(tmp_path / "example", name)


def test_the_book_lists_every_study_with_its_verdict(tmp_path, folder):
    build(
        make_study(name="turned", title="Turned", comparisons=[{"better": "b", "worse": "a"}]),
        PLAIN,
        make_records({"a": GOOD, "b": BAD}),
        tmp_path / "turned",
    )
    page = book(tmp_path)
    assert "2 studies: 1 supported, 1 contradicted, 0 undecided." in page
    assert "(example/study.md)" in page
    assert "(turned/study.md)" in page


def test_the_book_names_what_was_not_run_and_what_it_takes(tmp_path, folder):
    costly = [make_study(name="large", cost="8 GPUs | a week"), make_study(name="example", cost="a day")]
    page = book(tmp_path, costly=costly)
    assert "| `large` |" in page
    assert "8 GPUs \\| a week" in page
    assert "| `example` |" not in page  # it has a page
    assert "Not run" not in book(tmp_path)


def test_another_folder_is_not_overwritten(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="out must be a study's folder"):
        build(make_study(), PLAIN, make_records({"a": GOOD, "b": BAD}), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").is_file()


def test_what_a_folder_holds_is_judged_again_and_not_believed(folder):
    raw = json.loads(text(folder, "study.json"))
    raw["verdict"] = "contradicted"
    (folder / "study.json").write_text(json.dumps(raw))
    assert load(folder).verdict is Verdict.SUPPORTED


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(ValueError, match="must be a study's folder"):
        load(tmp_path)
