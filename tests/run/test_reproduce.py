"""Training a published row again: bit-equal, within the band, undecided, or not, and why."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard.factory import make_board
from podium.pack.again import train_again
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.errors import ConfigError
from podium.run.reproduce import Verdict, reproduce
from podium.run.train import train

Settings = Callable[..., dict[str, Any]]
SEEDS = (0, 1, 2)


@pytest.fixture
def row(settings: Settings) -> list[RunRecord]:
    """The records of one entry."""
    return [train(settings(f"seed={seed}")) for seed in SEEDS]


def again(records: list[RunRecord], tmp_path: Path, *, band: float = 0.02) -> Any:
    board = make_board(["dense32"], equivalence=band)
    return reproduce(
        records, tmp_path / "again", board=board, data_root=str(tmp_path / "data"), train_again=train_again
    )


def edited(record: RunRecord, *, seed: int | None = None, epochs: int | None = None) -> RunRecord:
    """A record that claims another configuration than the one that gave its results."""
    config = {**record.config, "seed": record.seed if seed is None else seed}
    if epochs is not None:
        config["trainer"] = {**config["trainer"], "max_epochs": epochs}
    return record.with_(config=config, seed=config["seed"], entry_hash=entry_hash(config))


def test_a_row_of_this_machine_is_bit_equal(row: list[RunRecord], tmp_path: Path) -> None:
    result = again(row, tmp_path)
    assert result.verdict is Verdict.BIT_EQUAL
    assert result.reasons == []
    assert [repetition.again.seed for repetition in result.repetitions] == list(SEEDS)


def without_bits(record: RunRecord, error: float) -> RunRecord:
    """The same run with another published error, as if it were from another machine."""
    return record.with_(metrics={**(record.metrics or {}), "test/top1_error": error}, files={})


@pytest.mark.parametrize(
    ("shift", "band", "verdict"),
    [
        (0.0, 0.02, Verdict.WITHIN),
        (0.01, 0.005, Verdict.NOT),
        (-0.01, 0.005, Verdict.NOT),
        (0.005, 0.006, Verdict.OPEN),
    ],
    ids=["within", "too_good", "too_bad", "undecided"],
)
def test_other_bits_are_judged_by_a_band_on_both_sides(
    row: list[RunRecord], tmp_path: Path, shift: float, band: float, verdict: Verdict
) -> None:
    moved = [without_bits(record, (record.metrics or {})["test/top1_error"] + shift) for record in row]
    result = again(moved, tmp_path, band=band)
    assert result.verdict is verdict
    assert result.found.difference == pytest.approx(-shift)
    assert not any(repetition.bit_equal for repetition in result.repetitions)


def test_a_few_seeds_of_other_bits_decide_nothing(row: list[RunRecord], tmp_path: Path) -> None:
    alike = [without_bits(record, (record.metrics or {})["test/top1_error"]) for record in row[:2]]
    assert again(alike, tmp_path).verdict is Verdict.OPEN


def test_an_improved_claim_is_not_reproduced(row: list[RunRecord], tmp_path: Path) -> None:
    forged = []
    for record in row:
        better = record.with_(metrics={**(record.metrics or {}), "test/top1_error": 0.001}, files={})
        forged.append(better)
    assert again(forged, tmp_path).verdict is Verdict.NOT


def test_what_differs_between_machines_is_said(row: list[RunRecord], tmp_path: Path) -> None:
    elsewhere = [
        record.with_(files={}, environment=replace(record.environment, threads=8, cpu="another"))
        for record in row
    ]
    reasons = again(elsewhere, tmp_path).reasons
    assert any(line.startswith("threads: 8 -> 1") for line in reasons)
    assert any(line.startswith("cpu: another") for line in reasons)


def test_a_row_without_a_finished_run_is_refused(row: list[RunRecord], tmp_path: Path) -> None:
    failed = [record.with_(status=Status.FAILED, metrics=None) for record in row]
    with pytest.raises(ConfigError, match="needs a finished run"):
        again(failed, tmp_path)


def test_a_record_that_names_a_dangerous_target_is_not_run(row: list[RunRecord], tmp_path: Path) -> None:
    config = {**row[0].config, "optimizer": {"_target_": "os.system", "command": "true"}}
    with pytest.raises(ConfigError, match=r"must name a class below torch\.optim"):
        again([row[0].with_(config=config)], tmp_path)
