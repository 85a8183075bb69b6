"""Put evidence beside a board and build its pages again, with the badges that it gives."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from podium.leaderboard.ablation import Ablation
from podium.leaderboard.badges import faults, holdings
from podium.leaderboard.board import Board, Entry
from podium.leaderboard.build import build, record_folders
from podium.leaderboard.evidence import Badge, Evidence, Finding, Found, read_evidence
from podium.leaderboard.proven import proven
from podium.leaderboard.rows import PREDICTIONS_FILE, read_summary
from podium.leaderboard.summary import definition
from podium.leaderboard.table import Table
from podium.leaderboard.tried import read_tried
from podium.metrics import evaluate
from podium.records.environment import Environment
from podium.records.record import RunRecord


def ready(report: Path) -> tuple[Board, list[Entry]]:
    """The definition of a board that may be given badges.

    Raises:
        ValueError: it is an ablation, or not as its records say.
    """
    board, entries = proven(report)
    if isinstance(board, Ablation):
        raise ValueError(
            f"{report} must be a board of entries to have badges, got an ablation; leave --badge out"
        )
    return board, entries


def quote(
    report: Path, badge: Badge, command: str, environment: Environment, rows: Sequence[Finding]
) -> Evidence:
    """Evidence of today. Uncommitted changes of the source are named by their hash alone."""
    board, _ = definition(read_summary(report))
    judged = (board.metric, board.band) if badge is Badge.REPRODUCED else (None, None)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Evidence(badge, command, now, replace(environment, diff=None), tuple(rows), *judged)


def attest(report: Path, evidence: Evidence) -> Table:
    """Add the evidence to a board; an earlier check of no more than the same rows makes room for a new one.

    Raises:
        ValueError: it does not count, and why.
    """
    board, entries = ready(report)
    runs = record_folders(report)
    held = holdings([(RunRecord.load(run), run) for run in runs])
    if found := faults(board, held, [evidence]):
        raise ValueError(
            f"a badge needs evidence that counts, got {len(found)} faults, first: {found[0]}; the board is as it was"
        )
    kept = [one for one in read_evidence(report) if not _older_check(one, evidence)]
    return build(board, entries, runs, report, tried=read_tried(report), evidence=[*kept, evidence])


def check(report: Path, command: str) -> Evidence:
    """Evidence of a whole board: the test metrics of every record, computed again from its predictions.

    Raises:
        ValueError: the board is not as its records say.
    """
    _, entries = ready(report)
    runs = [(RunRecord.load(folder), folder) for folder in record_folders(report)]
    held = holdings(runs)
    rows = []
    for entry in entries:
        own = sorted(
            ((record, folder) for record, folder in runs if record.entry_hash == entry.entry_hash),
            key=lambda one: one[0].seed,
        )
        found = tuple(
            Found(
                seed=record.seed,
                record=held[entry.entry_hash][record.seed].digest,
                published=held[entry.entry_hash][record.seed].metrics,
                found=_computed(record, folder),
                files={name: sha for name, sha in (record.files or {}).items() if name == PREDICTIONS_FILE},
            )
            for record, folder in own
        )
        rows += [Finding(entry.entry_hash, entry.name, found)] if found else []
    return quote(report, Badge.CHECKED, command, Environment.capture(threads=1, gpus=[]), rows)


def _computed(record: RunRecord, folder: Path) -> dict[str, float]:
    """The test metrics that the predictions give; none of a run without them."""
    if record.metrics is None:
        return {}
    with np.load(folder / PREDICTIONS_FILE, allow_pickle=False) as arrays:
        return evaluate(str(record.config["task"]["_target_"]), dict(arrays))


def _older_check(one: Evidence, new: Evidence) -> bool:
    """Whether it is a check of entries that the new check has, too."""
    entries = [{row.entry_hash for row in found.rows} for found in (one, new)]
    return one.badge is new.badge is Badge.CHECKED and entries[0] <= entries[1]
