"""Studies in which the values of a variant are those of ensembles."""

import json

import pytest

from leaderboard.study_cases import METRIC, config_of, make_record, make_study
from podium.leaderboard import study_results
from podium.leaderboard.ensemble import digest_of
from podium.leaderboard.study import Candidate
from podium.leaderboard.study_ensembles import Averaged, load_ensembles, written
from podium.leaderboard.study_page import build, edited, load, rebuild
from podium.leaderboard.study_results import results
from podium.leaderboard.study_verdict import Verdict
from podium.records.record import Status, entry_hash

STUDY = make_study(variants={"a": [], "b": []}, members={"a": 3})
HASH = entry_hash(config_of("net", None, 0))
CANDIDATES = [Candidate("a", None, HASH), Candidate("b", None, HASH)]
RECORDS = [
    make_record("net", seed, {METRIC: 0.2 + seed / 1000}).with_(files={"predictions.npz": f"{seed:064x}"})
    for seed in range(5 + 5 * 3)
]
ERRORS = [0.10, 0.11, 0.10, 0.12, 0.11]


def averages(records=RECORDS):
    by_seed = {record.seed: record for record in records}
    return [
        Averaged("a", seed, digest_of([by_seed[member] for member in seeds]), {METRIC: ERRORS[seed]})
        for seed, seeds in STUDY.seeds_of("a").items()
    ]


@pytest.fixture
def folder(tmp_path):
    build(STUDY, CANDIDATES, RECORDS, tmp_path / "example", averages=averages())
    return tmp_path / "example"


def test_the_values_are_the_ensembles_and_not_their_members_which_cost_what_they_cost():
    found = results(STUDY, CANDIDATES, RECORDS, averages=averages())
    assert found.variants[0].values == dict(enumerate(ERRORS))
    assert found.variants[1].values == {seed: 0.2 + seed / 1000 for seed in range(5)}
    assert found.verdict is Verdict.SUPPORTED
    assert found.train_s == 20 * 60


def test_the_page_says_who_the_members_are(folder):
    page = (folder / "study.md").read_text(encoding="utf-8")
    assert "averaged probabilities of 3 runs, with the seeds 5 to 7 for seed 0; 8 to 10 for seed 1" in page
    assert "The mean of these runs alone is 21.20 %, 15 runs." in page  # of seeds 5 to 19
    assert "20 runs, 20 minutes" in page
    assert "| a | 3 runs averaged | 10.80 " in page
    assert "| b | nothing more | 20.20 " in page
    assert "podium train data=digits seed=5" in page
    assert 'href="ensembles.json">10.00</a>' in (folder / "index.html").read_text(encoding="utf-8")


def test_the_page_is_the_same_from_its_folder_alone(folder):
    assert edited(folder) == []
    rebuild(folder)
    assert edited(folder) == []


def test_a_forged_value_is_found(folder):
    path = folder / "ensembles.json"
    forged = path.read_text(encoding="utf-8").replace("0.12", "0.02")
    path.write_text(forged, encoding="utf-8")
    assert {"checksums.json", "study.md", "index.html"} <= set(edited(folder))


def test_ensembles_of_other_predictions_than_the_members_are_refused(folder):
    path = next(iter(sorted(folder.glob("records/*-s7/record.json"))))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"{7:064x}", "beef" * 16), encoding="utf-8")
    with pytest.raises(
        ValueError, match="must be of the members' predictions, got others for a, seed 0; run"
    ):
        load(folder)


def test_without_that_check_they_would_be_judged(monkeypatch):
    others = [record.with_(files={"predictions.npz": "beef" * 16}) for record in RECORDS]
    with pytest.raises(ValueError, match="members' predictions"):
        results(STUDY, CANDIDATES, others, averages=averages())
    monkeypatch.setattr(study_results, "check_ensembles", lambda *_: None)
    assert results(STUDY, CANDIDATES, others, averages=averages()).verdict is Verdict.SUPPORTED


def test_an_ensemble_whose_member_diverged_has_no_value_and_nothing_is_claimed():
    lost = RECORDS[9].with_(status=Status.DIVERGED, metrics=None, error="the loss was NaN")
    records = [*RECORDS[:9], lost, *RECORDS[10:]]
    found = results(STUDY, CANDIDATES, records, averages=[one for one in averages() if one.seed != 1])
    assert sorted(found.variants[0].values) == [0, 2, 3, 4]
    assert [(one.variant, one.seed, one.status) for one in found.troubles] == [("a", 9, "diverged")]
    assert found.verdict is Verdict.UNDECIDED
    with pytest.raises(ValueError, match=r"at odds: a, seed 1; run"):
        results(STUDY, CANDIDATES, records, averages=averages())


@pytest.mark.parametrize(
    "given",
    [
        averages()[:4],
        [*averages(), averages()[0]],
        [*averages()[:4], Averaged("b", 4, "0" * 64, {METRIC: 0.0})],
        [],
    ],
)
def test_there_is_one_ensemble_for_every_group_of_members(given):
    with pytest.raises(ValueError, match="must have one ensemble of every 5 whose members finished"):
        results(STUDY, CANDIDATES, RECORDS, averages=given)


def test_ensembles_of_which_the_study_says_nothing_are_refused():
    records = [make_record(name, seed, {METRIC: 0.1}) for name in "ab" for seed in range(5)]
    plain = [Candidate(name, None, entry_hash(config_of(name, None, 0))) for name in "ab"]
    results(make_study(), plain, records)
    with pytest.raises(ValueError, match="at odds: a, seed 0"):
        results(make_study(), plain, records, averages=averages())


@pytest.mark.parametrize("content", ["", '[{"variant": "a"}]', "[1]", '{"a": 1}', "7"])
def test_a_damaged_file_of_ensembles_is_one_line(tmp_path, content):
    (tmp_path / "ensembles.json").write_text(content)
    with pytest.raises(ValueError, match=r"ensembles\.json must hold .*; run the study again$") as caught:
        load_ensembles(STUDY, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["0.1", None, True, float("nan")])
def test_a_value_that_is_no_number_is_refused(tmp_path, value):
    (tmp_path / "ensembles.json").write_text(written(averages()))
    assert load_ensembles(STUDY, tmp_path) == averages()
    raw = json.loads((tmp_path / "ensembles.json").read_text(encoding="utf-8"))
    raw[0]["metrics"][METRIC] = value
    (tmp_path / "ensembles.json").write_text(json.dumps(raw))
    with pytest.raises(ValueError, match="metrics must be numbers"):
        load_ensembles(STUDY, tmp_path)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(
        ValueError, match=r"ensembles\.json must hold a study's ensembles, got .*No such file"
    ):
        load_ensembles(STUDY, tmp_path)


def test_members_without_predictions_are_refused():
    records = [record.with_(files=None) if record.seed == 6 else record for record in RECORDS]
    with pytest.raises(ValueError, match="members of a, seed 0, must name their predictions"):
        results(STUDY, CANDIDATES, records, averages=averages())


def test_a_metric_that_the_ensembles_do_not_have_is_named():
    lacking = [Averaged(one.variant, one.seed, one.predictions, {"test/loss": 0.1}) for one in averages()]
    with pytest.raises(ValueError, match=r"\(test/loss\), got test/top1_error"):
        results(STUDY, CANDIDATES, RECORDS, averages=lacking)
