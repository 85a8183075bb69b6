"""Evidence gives a badge only where it speaks of these records and proves what it says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.badge_cases import badge_of, make_report, repeated
from podium.leaderboard.attest import attest, check
from podium.leaderboard.board import BAND
from podium.leaderboard.evidence import Badge, read_evidence
from podium.leaderboard.merge import merge
from podium.leaderboard.publish import publish
from podium.leaderboard.rows import read_summary
from podium.leaderboard.verify import verify
from podium.records.files import sha256_of


def test_a_board_without_evidence_is_self_reported(weighted_once: Path) -> None:
    assert {row["values"]["badge"] for row in read_summary(weighted_once)["rows"]} == {"self-reported"}
    assert verify(weighted_once) == []


def test_a_check_gives_every_row_its_badge_and_the_page_is_built_from_the_evidence(report: Path) -> None:
    evidence = check(report, "podium verify digits --badge")
    attest(report, evidence)
    assert badge_of(report) == {"linear": "checked", "dense32": "checked"}
    assert verify(report) == []
    assert f'<a href="{evidence.file}">checked</a>' in (report / "index.html").read_text()
    assert f"[checked]({evidence.file})" in (report / "leaderboard.md").read_text()
    assert read_evidence(report) == [evidence]
    assert json.loads((report / evidence.file).read_text())["environment"]["diff"] is None


def test_records_and_definition_stay_as_they_were(report: Path) -> None:
    records = {path: sha256_of(path) for path in sorted((report / "records").rglob("*")) if path.is_file()}
    before = read_summary(report)["board"]
    attest(report, check(report, "podium verify"))
    assert read_summary(report)["board"] == before
    assert {path: sha256_of(path) for path in records} == records


def test_the_highest_badge_counts_and_all_evidence_for_it_is_named(report: Path) -> None:
    attest(report, repeated(report, "linear", Badge.REPRODUCED))
    attest(report, check(report, "podium verify"))
    attest(report, repeated(report, "linear", Badge.RE_EVALUATED))
    assert badge_of(report) == {"linear": "reproduced", "dense32": "checked"}
    (row,) = [row for row in read_summary(report)["rows"] if row["entry"] == "linear"]
    assert [one["badge"] for one in row["evidence"]] == ["reproduced", "re-evaluated", "checked"]
    assert row["evidence"][0]["found"] == "5 of 5 seeds have the same bits"
    assert verify(report) == []


def test_a_new_check_takes_the_place_of_the_old_one(report: Path) -> None:
    for date in ("2026-01-05T00:00:00+00:00", "2026-01-06T00:00:00+00:00"):
        attest(report, replace(check(report, "podium verify"), date=date))
    assert [one.date[:10] for one in read_evidence(report)] == ["2026-01-06"]


def test_a_new_training_within_the_band_is_told_with_its_interval(report: Path) -> None:
    attest(report, repeated(report, "linear", Badge.REPRODUCED, shift=[0.01, 0.0, -0.01, 0.005, 0.0]))
    page = (report / "leaderboard.md").read_text()
    assert "linear: [reproduced]" in page
    assert (
        r"difference of the means over 5 seeds +0.1 points, 90% interval -0.607 to +0.807, within ±2 points"
        in page
    )


@pytest.mark.parametrize("shift", [0.03, -0.03], ids=["worse", "better"])
def test_a_new_training_outside_the_band_gives_no_badge_either_way(report: Path, shift: float) -> None:
    with pytest.raises(
        ValueError, match=r"got 1 faults, first: evidence/reproduced-.* within ±0.02, found [+-]0.03"
    ):
        attest(report, repeated(report, "linear", Badge.REPRODUCED, shift=[shift] * 5))
    assert not (report / "evidence").exists()


def test_noisy_seeds_prove_nothing(report: Path) -> None:
    evidence = repeated(report, "linear", Badge.REPRODUCED, shift=[0.06, -0.06, 0.05, -0.05, 0.0])
    with pytest.raises(ValueError, match=r"first: .* the difference of linear"):
        attest(report, evidence)


def test_merged_and_published_boards_carry_their_evidence(report: Path, tmp_path: Path) -> None:
    other = make_report(tmp_path / "other", ["lecture_cnn"])
    attest(report, repeated(report, "dense32", Badge.REPRODUCED))
    attest(other, check(other, "podium verify"))
    merge([report, other], tmp_path / "merged")
    wanted = {"linear": "self-reported", "dense32": "reproduced", "lecture_cnn": "checked"}
    assert badge_of(tmp_path / "merged") == wanted
    assert verify(tmp_path / "merged") == []
    about = {"title": "Ours", "authors": ["Doe, Jane"], "licence": "CC0-1.0"}
    publish([tmp_path / "merged"], tmp_path / "site", **about)
    assert badge_of(tmp_path / "site" / "boards" / "digits") == wanted


def test_boards_of_other_bands_are_not_merged(report: Path, tmp_path: Path) -> None:
    other = make_report(tmp_path / "other", ["lecture_cnn"], equivalence=0.001)
    with pytest.raises(ValueError, match=f"band must be the same on boards that are merged, got {BAND}"):
        merge([report, other], tmp_path / "merged")


def test_a_board_that_is_not_as_its_records_say_is_given_no_badge(report: Path) -> None:
    (report / "leaderboard.csv").write_text("better\n")
    with pytest.raises(ValueError, match="must be as its records say"):
        check(report, "podium verify")


def test_members_trained_again_give_their_ensemble_a_badge_to_the_bit_only(tmp_path: Path) -> None:
    seeds = list(range(6))
    report = make_report(tmp_path, ["linear"], seeds=seeds, ensembles=[{"entry": "linear", "members": 2}])
    attest(report, repeated(report, "linear", Badge.REPRODUCED, shift=[0.001] * 6))
    rows = {row["name"]: row["badge"] for row in read_summary(report)["rows"]}
    assert rows == {"linear": "reproduced", "linear, ensemble of 2": "self-reported"}
    attest(report, repeated(report, "linear", Badge.REPRODUCED))
    assert {row["badge"] for row in read_summary(report)["rows"]} == {"reproduced"}
