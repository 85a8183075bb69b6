"""Repetitions of a published row as evidence: what was found of each seed, beside what is published."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from podium.leaderboard.attest import quote, ready
from podium.leaderboard.board import Board
from podium.leaderboard.evidence import Badge, Evidence, Finding, Found
from podium.leaderboard.rows import read_summary, row_ensembles, row_records
from podium.leaderboard.runs import record_key
from podium.records.environment import Environment
from podium.records.files import sha256_of
from podium.records.record import RECORD_FILE, RunRecord, Status
from podium.run.errors import ConfigError, told
from podium.run.evaluate import Evaluation, evaluate
from podium.run.folders import PREDICTIONS_FILE, WEIGHTS_FILE, find_folders
from podium.run.reproduce import Repetition

OnScore = Callable[[RunRecord, Evaluation], None]


@dataclass(frozen=True)
class Repeatable:
    """One row of a published board, by its number, with the records behind it."""

    report: Path
    number: int
    records: list[RunRecord]

    @property
    def finished(self) -> list[RunRecord]:
        """Those that have results."""
        return [record for record in self.records if record.status is Status.FINISHED]

    @classmethod
    def of(cls, report: Path, number: int, board: Board, *, badge: bool) -> "Repeatable":
        """The row; with ``badge`` one that can be given a badge.

        Raises:
            ConfigError: there is no such row, or it is an ensemble, or a planned seed did not finish.
        """
        with told():
            records = row_records(report, number)
        if badge and row_ensembles(report, number):
            raise ConfigError(
                f"a badge is of the row of an entry, got row {number} with its ensembles; name the row of their members"
            )
        row = cls(report, number, records)
        finished = sorted(record.seed for record in row.finished)
        if badge and finished != sorted(board.seeds):
            raise ConfigError(
                f"a badge needs every planned seed {sorted(board.seeds)} finished, got {finished} in row {number}; "
                "leave --badge out"
            )
        return row

    def finding(self, found: Sequence[Found]) -> Finding:
        """What was found of it."""
        return Finding(self.records[0].entry_hash, self.records[0].name, tuple(found))

    def published(self, record: RunRecord) -> tuple[str, dict[str, float]]:
        """The hash of a record on the board, and the test metrics that it publishes."""
        metrics = {k: v for k, v in (record.metrics or {}).items() if k.startswith("test/")}
        return sha256_of(self.report / "records" / record_key(record) / RECORD_FILE), metrics


def retrained(row: Repeatable, repetitions: Sequence[Repetition], *, data_root: str) -> Evidence:
    """Evidence of a row that was trained again."""
    found = []
    for repetition in repetitions:
        digest, metrics = row.published(repetition.published)
        again = {k: v for k, v in (repetition.again.metrics or {}).items() if k.startswith("test/")}
        files = {name: (repetition.again.files or {})[name] for name in (PREDICTIONS_FILE, WEIGHTS_FILE)}
        found.append(Found(repetition.published.seed, digest, metrics, again, files))
    words = ["podium", "reproduce", str(row.report), "--row", str(row.number), "--data", data_root, "--badge"]
    environment = repetitions[0].again.environment
    return quote(row.report, Badge.REPRODUCED, shlex.join(words), environment, [row.finding(found)])


def scored(
    rows: Sequence[Repeatable], *, runs: Path, data_root: str | None, on_score: OnScore
) -> Iterator[Finding]:
    """Score the saved networks of rows again, in the folder of the runs that trained them.

    Raises:
        ConfigError: a run of a row is not there, or it is another than the published one.
    """
    places = [[(record, _trained(record, runs)) for record in row.finished] for row in rows]
    for row, own in zip(rows, places, strict=True):
        found = []
        for record, folder in own:
            result = evaluate(folder, data_root=data_root)
            on_score(record, result)
            digest, metrics = row.published(record)
            files = {WEIGHTS_FILE: sha256_of(folder / WEIGHTS_FILE)}
            found.append(Found(record.seed, digest, metrics, result.measured, files, result.largest_change))
        yield row.finding(found)


def scored_evidence(report: Path, rows: Sequence[Finding], words: Sequence[str], threads: int) -> Evidence:
    """Evidence of rows whose saved networks were scored again."""
    environment = Environment.capture(threads=threads, gpus=[])
    return quote(report, Badge.RE_EVALUATED, shlex.join(words), environment, rows)


def check_ready(report: Path) -> Board:
    """The board, which may be given badges.

    Raises:
        ConfigError: it is an ablation, or not as its records say.
    """
    with told():
        board, _ = ready(report)
    return board


def own_rows(report: Path) -> list[int]:
    """The numbers of the rows that have runs of their own: all but ensembles."""
    with told():
        return [row["number"] for row in read_summary(report)["rows"] if "ensembles" not in row]


def _trained(record: RunRecord, runs: Path) -> Path:
    """The folder of the very run that was published."""
    config = {**record.config, "paths": {**record.config["paths"], "runs": str(runs)}}
    for folder in find_folders(config):
        here = RunRecord.load(folder)
        if here.run_key == record.run_key and here.files == record.files:
            return folder
    raise ConfigError(
        f"{runs} must hold the run {record_key(record)} that was published, got none; name its folder with --runs"
    )
