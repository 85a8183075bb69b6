"""Evidence gives a badge only where it speaks of these records and proves what it says; each check has a forgery."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from leaderboard.factory import ENVIRONMENT, make_board, make_entry, write_failure, write_run
from podium.leaderboard import badges
from podium.leaderboard.attest import attest, check, quote
from podium.leaderboard.badges import faults, holdings
from podium.leaderboard.board import BAND, Board
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Badge, Evidence, Finding, Found, read_evidence
from podium.leaderboard.merge import merge
from podium.leaderboard.publish import publish
from podium.leaderboard.rows import read_summary
from podium.leaderboard.verify import verify
from podium.records.files import sha256_of
from podium.records.record import RunRecord, Status

METRIC = "test/top1_error"
COLUMNS = ["row", "rank", "entry", "top1_error", "badge"]
FILES = {"predictions.npz": "p" * 64, "network.safetensors": "w" * 64}
SEEDS = [0, 1, 2, 3, 4]


def make(folder: Path, keys: list[str], *, seeds: list[int] = SEEDS, **board: Any) -> Path:
    """A board of entries, without curves, each record with the hash of its weights."""
    planned = make_board(keys, columns=COLUMNS, seeds=seeds, **board)
    runs = [write_run(folder / "runs", key, seed, history=None) for key in keys for seed in seeds]
    for run in runs:
        record = RunRecord.load(run)
        record.with_(files={**(record.files or {}), "network.safetensors": "w" * 64}).save(run)
    build(planned, [make_entry(key) for key in keys], runs, folder / "board")
    return folder / "board"


def held_of(report: Path) -> dict[str, dict[int, badges.Held]]:
    return holdings([(RunRecord.load(folder), folder) for folder in record_folders(report)])


def repeated(
    report: Path, key: str, badge: Badge, *, shift: list[float] | None = None, **changes: Any
) -> Evidence:
    """Honest evidence of one row: what was published, moved by ``shift``; other bits where there is one."""
    entry = make_entry(key)
    runs = []
    for seed, held in sorted(held_of(report)[entry.entry_hash].items()):
        found = dict(held.metrics)
        files = dict(held.record.files or {})
        if shift is not None:
            found[METRIC] += shift[seed]
            files["predictions.npz"] = "0" * 64
        if badge is Badge.RE_EVALUATED:
            files = {"network.safetensors": files["network.safetensors"]}
        runs.append(Found(seed, held.digest, held.metrics, found, files, 1e-7))
    row = Finding(entry.entry_hash, entry.name, tuple(runs))
    return replace(quote(report, badge, "podium reproduce it", ENVIRONMENT, [row]), **changes)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("badges"), ["linear", "dense32"])


@pytest.fixture
def report(once: Path, tmp_path: Path) -> Path:
    """A copy of a board of two rows, to be given badges."""
    return Path(shutil.copytree(once, tmp_path / "digits"))


def badge_of(report: Path) -> dict[str, str]:
    return {row["entry"]: row.get("badge", "none") for row in read_summary(report)["rows"]}


def test_a_board_without_evidence_is_self_reported(once: Path) -> None:
    assert {row["values"]["badge"] for row in read_summary(once)["rows"]} == {"self-reported"}
    assert verify(once) == []


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


class Forgery(NamedTuple):
    """What is done to honest evidence, and the check that catches it."""

    badge: Badge
    do: Callable[[dict[str, Any]], None]
    check: Callable[..., Any]


def runs(raw: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = raw["rows"][0]["runs"]
    return found


def of_other_records(raw: dict[str, Any]) -> None:
    runs(raw)[2]["record"] = "0" * 64


def lucky_seeds(raw: dict[str, Any]) -> None:
    del runs(raw)[3:]


def one_seed_twice(raw: dict[str, Any]) -> None:
    runs(raw)[4] = dict(runs(raw)[3])


def other_published(raw: dict[str, Any]) -> None:
    """The quoted figure is moved to where the found one lies."""
    runs(raw)[0]["published"] = {**runs(raw)[0]["published"], METRIC: 0.5}


def wider_band(raw: dict[str, Any]) -> None:
    raw["band"] = 0.5


def other_metric(raw: dict[str, Any]) -> None:
    raw["metric"] = "test/top3_error"


def far_away(raw: dict[str, Any]) -> None:
    for run in runs(raw):
        run["found"] = {**run["found"], METRIC: run["found"][METRIC] + 0.1}
        run["files"] = {"predictions.npz": "0" * 64}


def same_files_other_values(raw: dict[str, Any]) -> None:
    runs(raw)[0]["found"] = {**runs(raw)[0]["found"], METRIC: 0.0}


def no_value(raw: dict[str, Any]) -> None:
    runs(raw)[0]["found"] = {}


def other_network(raw: dict[str, Any]) -> None:
    runs(raw)[0]["files"] = {"network.safetensors": "0" * 64}


def no_network(raw: dict[str, Any]) -> None:
    runs(raw)[0]["files"] = {}


def other_answers(raw: dict[str, Any]) -> None:
    runs(raw)[0]["change"] = 0.3


def no_answers(raw: dict[str, Any]) -> None:
    runs(raw)[0]["change"] = None


CHECKED, SCORED, AGAIN = Badge.CHECKED, Badge.RE_EVALUATED, Badge.REPRODUCED
FORGERIES = {
    "other_records": Forgery(AGAIN, of_other_records, badges.check_records),
    "lucky_seeds": Forgery(AGAIN, lucky_seeds, badges.check_seeds),
    "lucky_seeds_scored": Forgery(SCORED, lucky_seeds, badges.check_seeds),
    "some_records_checked": Forgery(CHECKED, lucky_seeds, badges.check_seeds),
    "one_seed_twice": Forgery(AGAIN, one_seed_twice, badges.check_seeds),
    "other_published": Forgery(AGAIN, other_published, badges.check_published),
    "wider_band": Forgery(AGAIN, wider_band, badges.check_band),
    "other_metric": Forgery(AGAIN, other_metric, badges.check_band),
    "far_away": Forgery(AGAIN, far_away, badges.check_found),
    "same_files_other_values": Forgery(AGAIN, same_files_other_values, badges.check_found),
    "no_value": Forgery(AGAIN, no_value, badges.check_found),
    "checked_other_values": Forgery(CHECKED, same_files_other_values, badges.check_found),
    "other_network": Forgery(SCORED, other_network, badges.check_found),
    "no_network": Forgery(SCORED, no_network, badges.check_found),
    "other_answers": Forgery(SCORED, other_answers, badges.check_found),
    "no_answers": Forgery(SCORED, no_answers, badges.check_found),
    "scored_far_away": Forgery(SCORED, same_files_other_values, badges.check_found),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_evidence_is_caught_and_slips_through_when_its_check_is_off(
    name: str, once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgery = FORGERIES[name]
    honest = repeated(once, "linear", forgery.badge)
    raw = json.loads(honest.content)
    forgery.do(raw)
    board, held = Board.from_dict(read_summary(once)["board"]), held_of(once)
    assert faults(board, held, [honest]) == []
    found = faults(board, held, [Evidence.from_dict(raw)])
    assert found
    assert all("\n" not in str(problem) for problem in found)
    monkeypatch.setattr(badges, "CHECKS", [check for check in badges.CHECKS if check is not forgery.check])
    assert faults(board, held, [Evidence.from_dict(raw)]) == []


def test_a_badge_of_a_run_that_did_not_finish_is_caught(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / "runs", "linear", seed, history=None) for seed in SEEDS[:-1]]
    folders.append(write_failure(tmp_path / "runs", "linear", 4, Status.DIVERGED, "the loss was NaN"))
    planned = make_board(["linear"], columns=COLUMNS)
    build(planned, [make_entry("linear")], folders, tmp_path / "board")
    evidence = repeated(tmp_path / "board", "linear", Badge.REPRODUCED)
    (found,) = faults(planned, held_of(tmp_path / "board"), [evidence])
    assert found.recomputed == "seeds [4] that did not finish"
    attest(tmp_path / "board", check(tmp_path / "board", "podium verify"))
    assert badge_of(tmp_path / "board") == {"linear": "checked"}


def forge(report: Path, evidence: Evidence) -> None:
    """Someone careful: the evidence is put beside the board, and every page is built from it."""
    board, entries = (
        Board.from_dict(read_summary(report)["board"]),
        [make_entry("linear"), make_entry("dense32")],
    )
    build(board, entries, record_folders(report), report, evidence=[evidence])


def test_evidence_of_other_records_does_not_count_and_page_and_verify_say_so(report: Path) -> None:
    raw = json.loads(repeated(report, "linear", Badge.REPRODUCED).content)
    of_other_records(raw)
    forge(report, Evidence.from_dict(raw))
    assert badge_of(report)["linear"] == "self-reported"
    assert "Evidence that does not count" in (report / "index.html").read_text()
    assert "Evidence that does not count" in (report / "leaderboard.md").read_text()
    (problem,) = verify(report)
    assert problem.field == "the record of seed 2 of linear"


def test_without_that_check_the_forged_badge_is_shown_and_verified(
    report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = json.loads(repeated(report, "linear", Badge.REPRODUCED).content)
    of_other_records(raw)
    monkeypatch.setattr(badges, "CHECKS", [c for c in badges.CHECKS if c is not badges.check_records])
    forge(report, Evidence.from_dict(raw))
    assert badge_of(report)["linear"] == "reproduced"
    assert verify(report) == []


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema": 1, "badge": "checked"}', b'{"schema": 9}'])
def test_damaged_evidence_is_named_in_one_line(report: Path, content: bytes) -> None:
    (report / "evidence").mkdir()
    (report / "evidence" / "checked-0.json").write_bytes(content)
    found = [str(problem) for problem in verify(report)]
    assert any("must be evidence, got" in line for line in found)
    assert all("\n" not in line for line in found)


def test_evidence_is_named_by_its_content(report: Path) -> None:
    attest(report, check(report, "podium verify"))
    (file,) = (report / "evidence").iterdir()
    file.rename(file.with_name("checked-000000000000.json"))
    assert {problem.file for problem in verify(report)} >= {f"evidence/{file.name}"}


def test_merged_and_published_boards_carry_their_evidence(report: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other", ["lecture_cnn"])
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
    other = make(tmp_path / "other", ["lecture_cnn"], equivalence=0.001)
    with pytest.raises(ValueError, match=f"band must be the same on boards that are merged, got {BAND}"):
        merge([report, other], tmp_path / "merged")


def test_a_board_that_is_not_as_its_records_say_is_given_no_badge(report: Path) -> None:
    (report / "leaderboard.csv").write_text("better\n")
    with pytest.raises(ValueError, match="must be as its records say"):
        check(report, "podium verify")


def test_members_trained_again_give_their_ensemble_a_badge_to_the_bit_only(tmp_path: Path) -> None:
    seeds = list(range(6))
    report = make(tmp_path, ["linear"], seeds=seeds, ensembles=[{"entry": "linear", "members": 2}])
    attest(report, repeated(report, "linear", Badge.REPRODUCED, shift=[0.001] * 6))
    rows = {row["name"]: row["badge"] for row in read_summary(report)["rows"]}
    assert rows == {"linear": "reproduced", "linear, ensemble of 2": "self-reported"}
    attest(report, repeated(report, "linear", Badge.REPRODUCED))
    assert {row["badge"] for row in read_summary(report)["rows"]} == {"reproduced"}
