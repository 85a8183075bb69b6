"""Boards of whole folders of runs, with the account of what was tried for them."""

from pathlib import Path
from typing import Any

from leaderboard.factory import make_board, make_config, make_entry, write_run, write_runs
from podium.leaderboard.build import build
from podium.leaderboard.tried import account
from podium.records.record import RunRecord, entry_hash

KEYS = ["linear", "dense32"]


def publish(runs: Path, *, leave_out: tuple[str, ...] = (), **board: Any) -> Path:
    """The board of what is in the folder of runs; ``leave_out`` are folders that whoever builds it keeps back."""
    planned = make_board(KEYS, **board)
    entries = [make_entry(key) for key in KEYS]
    configs = {key: make_config(key, entry.name, 0) for key, entry in zip(KEYS, entries, strict=True)}
    hashes = {entry.entry_hash for entry in entries}
    records = {folder: RunRecord.load(folder) for folder in sorted(runs.iterdir())}
    used = [
        folder
        for folder, record in records.items()
        if record.entry_hash in hashes and record.seed in planned.seeds and folder.name not in leave_out
    ]
    out = runs.parent / "report"
    build(planned, entries, used, out, tried=account(entries, configs, [runs]))
    return out


def change(folder: Path, **changes: Any) -> RunRecord:
    record = RunRecord.load(folder).with_(**changes)
    record = record.with_(entry_hash=entry_hash(record.config))
    record.save(folder)
    return record


def trial(runs: Path, number: int, **changes: Any) -> Path:
    """One more run of dense32 with another learning rate, of a sweep."""
    moved = write_run(runs.parent / "trials", "dense32", 0).rename(runs / f"trial-{number}")
    config = {**RunRecord.load(moved).config, "optimizer": {"lr": 0.1 / (number + 1)}}
    change(moved, config=config, run_key=f"trial-{number}", **changes)
    return moved


def best_of_many(runs: Path) -> Path:
    """Nine seeds were run, and the board is of five."""
    write_runs(runs, ["linear"])
    write_runs(runs, ["dense32"], range(9))
    return publish(runs)
