"""Boards of runs with weights, and evidence for their badges as an honest repetition leaves it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from leaderboard.factory import ENVIRONMENT, make_board, make_entry, write_run
from podium.leaderboard import badges
from podium.leaderboard.attest import quote
from podium.leaderboard.badges import holdings
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Badge, Evidence, Finding, Found
from podium.leaderboard.rows import read_summary
from podium.records.record import RunRecord

METRIC = "test/top1_error"
COLUMNS = ["row", "rank", "entry", "top1_error", "badge"]
SEEDS = [0, 1, 2, 3, 4]


def make_report(folder: Path, keys: list[str], *, seeds: list[int] = SEEDS, **board: Any) -> Path:
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


def badge_of(report: Path) -> dict[str, str]:
    return {row["entry"]: row.get("badge", "none") for row in read_summary(report)["rows"]}
