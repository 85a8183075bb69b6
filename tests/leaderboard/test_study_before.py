"""Studies whose variants begin with the network of a run that was trained before."""

import json

import pytest

from leaderboard.study_cases import METRIC, make_record, make_study
from podium.leaderboard import study_results
from podium.leaderboard.study import Candidate
from podium.leaderboard.study_page import build, edited, load, rebuild
from podium.records.record import DataPrint, Status, entry_hash

WEIGHTS = "f00d" * 16
BEFORE = make_record("first", 0, {METRIC: 0.3}).with_(
    files={"network.safetensors": WEIGHTS},
    data=DataPrint("clothes", "a" * 64, "b" * 64, {"train": 9, "validation": 1, "test": 2}, "0" * 64),
)
STUDY = make_study(
    before=["network=linear", "data=fashion_mnist"],
    variants={"a": ["network.weights=before"], "b": ["network=dense32"]},
)


def begun(record, weights):
    config = {**record.config, "network": {**record.config["network"], "weights": weights}}
    return record.with_(config=config, entry_hash=entry_hash(config))


def followers(digits=WEIGHTS[:16]):
    return [
        begun(
            make_record("a", seed, {METRIC: 0.1 + seed / 100}), f"runs/first-s0/network.safetensors@{digits}"
        )
        for seed in range(5)
    ]


OTHERS = [make_record("b", seed, {METRIC: 0.3 - seed / 100}) for seed in range(5)]


def made(folder, *, records=None, before=BEFORE, study=STUDY):
    records = [*followers(), *OTHERS] if records is None else records
    names = {record.name: record.entry_hash for record in records}
    return build(study, [Candidate(name, None, names[name]) for name in "ab"], records, folder, before=before)


def test_the_page_names_the_run_before_with_its_command_data_and_hash_and_begins_with_its_folder(tmp_path):
    found = made(tmp_path / "example")
    assert found.train_s == 11 * 60
    page = (tmp_path / "example" / "study.md").read_text(encoding="utf-8")
    for part in (
        "$ podium train network=linear data=fashion_mnist\n",
        f"SHA-256 `{WEIGHTS}`",
        f"entry {BEFORE.entry_hash[:12]}",
        "Data: clothes, 9 training",
        "podium train data=digits network.weights=runs/first-s0 seed=0",
        "11 runs, 11 minutes",
        "and of the one run before",
    ):
        assert part in page
    assert WEIGHTS in (tmp_path / "example" / "index.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "example" / "study.json").read_text(encoding="utf-8"))
    assert summary["before"] == {"entry_hash": BEFORE.entry_hash, "seed": 0, "weights": WEIGHTS}


def test_the_page_is_the_same_from_the_records_in_its_folder_alone(tmp_path):
    made(tmp_path / "example")
    assert edited(tmp_path / "example") == []
    again = rebuild(tmp_path / "example")
    assert again.before.record == BEFORE.with_(history=None)
    assert edited(tmp_path / "example") == []


def test_a_variant_that_began_with_another_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a must begin with the network of the run before, got @beef"):
        made(tmp_path / "example", records=[*followers("beef" * 4), *OTHERS])


def test_without_that_look_it_would_be_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(study_results, "find_before", lambda *_: None)
    assert made(tmp_path / "example", records=[*followers("beef" * 4), *OTHERS]).verdict == "supported"


def test_a_variant_that_began_with_nothing_is_refused(tmp_path):
    plain = [make_record("a", seed, {METRIC: 0.1}) for seed in range(5)]
    with pytest.raises(ValueError, match="a must begin with the network of the run before, got @"):
        made(tmp_path / "example", records=[*plain, *OTHERS])


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (None, "must have the record of its run before"),
        (BEFORE.with_(status=Status.DIVERGED), "the run before must have finished, got diverged"),
        (BEFORE.with_(files=None), "must begin with the network of the run before"),
    ],
)
def test_a_run_before_that_is_missing_or_not_over_is_refused(tmp_path, before, message):
    with pytest.raises(ValueError, match=message):
        made(tmp_path / "example", before=before)


def test_a_run_before_of_which_the_study_says_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="and of no other, got first"):
        made(tmp_path / "example", study=make_study())


def test_an_exchanged_record_of_the_run_before_is_refused(tmp_path):
    made(tmp_path / "example")
    path = tmp_path / "example" / "before" / "record.json"
    path.write_text(path.read_text(encoding="utf-8").replace(WEIGHTS, "beef" * 16), encoding="utf-8")
    with pytest.raises(ValueError, match="a must begin with the network of the run before"):
        load(tmp_path / "example")
    path.unlink()
    with pytest.raises(ValueError, match=r"got no record\.json"):
        load(tmp_path / "example")
