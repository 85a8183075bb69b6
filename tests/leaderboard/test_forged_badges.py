"""Every forgery of evidence is caught, and slips through when its check is off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from leaderboard.badge_cases import COLUMNS, METRIC, SEEDS, badge_of, held_of, repeated
from leaderboard.factory import make_board, make_entry, write_failure, write_run
from podium.leaderboard import badges
from podium.leaderboard.attest import attest, check
from podium.leaderboard.badges import faults
from podium.leaderboard.board import Board
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Badge, Evidence
from podium.leaderboard.rows import read_summary
from podium.leaderboard.verify import verify
from podium.records.record import Status


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
    name: str, weighted_once: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgery = FORGERIES[name]
    honest = repeated(weighted_once, "linear", forgery.badge)
    raw = json.loads(honest.content)
    forgery.do(raw)
    board, held = Board.from_dict(read_summary(weighted_once)["board"]), held_of(weighted_once)
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
