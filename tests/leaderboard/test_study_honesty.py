"""Ways to make a study look better than what was run are named on its page, in its summary and in the book."""

import json

import pytest

from leaderboard.study_cases import make_candidate, make_records, make_study
from podium.leaderboard import honesty
from podium.leaderboard.study import Candidate
from podium.leaderboard.study_page import book, build, edited, rebuild
from podium.records.record import entry_hash

GOOD, BAD = [0.10, 0.11, 0.10, 0.12, 0.11], [0.20, 0.22, 0.21, 0.20, 0.21]
PLAIN = [make_candidate("a"), make_candidate("b")]


def records():
    """Five runs of either variant, each with predictions of its own."""
    found = make_records({"a": GOOD, "b": BAD})
    return [
        one.with_(
            files={"predictions.npz": f"{number:064x}"},
            costs={"train_s": 60.0 + number},
            metrics={**one.metrics, "test/loss": 0.5},
        )
        for number, one in enumerate(found)
    ]


def chosen():
    """The seeds that went well."""
    seeds = [0, 1, 2, 3, 7]
    found = [
        one.with_(seed=7, config={**one.config, "seed": 7}) if one.seed == 4 else one for one in records()
    ]
    return make_study(seeds=seeds), found


def copied():
    """A good seed stands for the last one too, under a key of its own."""
    found = records()
    found[4] = found[4].with_(files=found[0].files, metrics=found[0].metrics)
    return make_study(), found


def copied_key():
    """One run key for two seeds."""
    found = records()
    found[4] = found[4].with_(run_key=found[0].run_key)
    return make_study(), found


def selected():
    """A variant keeps the network of its best test error."""
    tricks = {"early_stopping": {"monitor": "test/top1_error"}}
    configs = [{**one.config, "tricks": tricks} for one in records()[:5]]
    found = [
        one.with_(config=config, entry_hash=entry_hash(config))
        for one, config in zip(records(), configs, strict=False)
    ]
    return make_study(), [*found, *records()[5:]]


DISHONEST = {
    chosen: ("chosen_seeds", "study.json: seeds is published as [0, 1, 2, 3, 7], found a choice: counted on"),
    copied: (
        "repeated_seeds",
        "-s4/record.json: seed is published as 4, a run of its own, found seed 0 again",
    ),
    copied_key: ("repeated_seeds", "found seed 0 again: the same run key"),
    selected: (
        "selected_on_test",
        "config.tricks.early_stopping.monitor is published as a setting of training",
    ),
}


@pytest.mark.parametrize("make", DISHONEST, ids=lambda make: make.__name__)
def test_a_dishonest_study_is_named_wherever_it_is_read_and_slips_through_without_the_check(
    make, tmp_path, monkeypatch
):
    check, words = DISHONEST[make]
    study, runs = make()
    folder = tmp_path / "example"
    candidates = [Candidate(name, None, runs[5 * k].entry_hash) for k, name in enumerate("ab")]
    found = build(study, candidates, runs, folder)
    doubts = [*map(str, found.doubts)]
    assert all(words in doubt for doubt in doubts)
    assert len(doubts) == (5 if make is selected else 1)
    assert json.loads((folder / "study.json").read_text())["doubts"] == doubts
    assert "<p>What was run speaks against what this study says.</p>" in (folder / "index.html").read_text()
    page = (folder / "study.md").read_text()
    assert "What was run speaks against this study:" in page
    assert words in page.replace("\\", "")
    assert f"**{found.verdict}**, with {'5 doubts' if make is selected else '1 doubt'} |" in book(tmp_path)
    assert edited(folder) == []
    monkeypatch.setattr(honesty, check, lambda *_: [])
    rebuild(folder)
    assert "speaks against" not in (folder / "study.md").read_text()


def test_an_honest_study_raises_no_doubt_and_none_of_its_files_has_a_word_of_them(tmp_path):
    assert build(make_study(), PLAIN, records(), tmp_path / "example").doubts == []
    for name in ("study.json", "index.html", "study.md"):
        assert "doubt" not in (tmp_path / "example" / name).read_text()
    assert "doubt" not in book(tmp_path)


def test_variants_in_which_chance_has_no_part_raise_no_doubt():
    same = [one.with_(files={"predictions.npz": "0" * 64}) for one in records()]
    assert honesty.doubts_of_records(range(5), same, file="study.json") == []


def test_a_copied_seed_is_named_whose_time_was_changed_too():
    found = records()
    found[4] = found[4].with_(files=found[0].files, metrics=found[0].metrics)
    (doubt,) = honesty.doubts_of_records(range(5), found, file="study.json")
    assert "the same probabilities, which other seeds do not have" in str(doubt)
