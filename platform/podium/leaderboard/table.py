"""Records in, table out: which runs count, how entries rank, what was left out and why."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from podium.leaderboard.board import Board, Entry, check_entries
from podium.leaderboard.statistics import (
    Comparison,
    Detectable,
    compare,
    detectable_gap,
    mean_interval,
    ranks,
    spread,
    wilson_interval,
)
from podium.leaderboard.text import is_error
from podium.records.environment import Environment
from podium.records.record import DataPrint, RunRecord, Status, canonical_json

MISSING = "missing"
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Run:
    """One planned seed of an entry. ``record`` is null where there is none, or where it was left out."""

    seed: int
    status: str
    reason: str | None
    folder: str | None
    record: RunRecord | None

    @property
    def finished(self) -> bool:
        """Whether the run has test metrics that count."""
        return self.record is not None and self.record.status is Status.FINISHED


@dataclass(frozen=True)
class Estimate:
    """The mean of a metric over finished seeds, its interval (cut to 0..1), the spread, the values."""

    mean: float
    low: float
    high: float
    spread: float
    values: dict[int, float]

    @classmethod
    def of(cls, values: dict[int, float]) -> "Estimate":
        """Estimate from one value a seed."""
        numbers = list(values.values())
        low, high = mean_interval(numbers)
        mean = sum(numbers) / len(numbers)
        return cls(mean=mean, low=max(low, 0.0), high=min(high, 1.0), spread=spread(numbers), values=values)


@dataclass(frozen=True)
class Row:
    """One entry. ``number`` counts rows from 1 as published; ``rank`` is null when a seed is not finished."""

    number: int
    rank: int | None
    entry: Entry
    runs: tuple[Run, ...]
    metric: str
    test_size: int

    @cached_property
    def finished(self) -> tuple[RunRecord, ...]:
        """The records that count, by seed."""
        return tuple(run.record for run in self.runs if run.finished and run.record is not None)

    @property
    def complete(self) -> bool:
        """Whether every planned seed finished."""
        return len(self.finished) == len(self.runs)

    def estimate(self, metric: str) -> Estimate | None:
        """A final metric over the finished seeds; null where none finished."""
        values = {record.seed: _metric(record, metric) for record in self.finished}
        return Estimate.of(values) if values else None

    def test_set_interval(self) -> tuple[float, float] | None:
        """What another test set of this size could have shown, for the mean of the ranking metric.

        Null where that is no share of examples: Wilson's interval is of counts.
        """
        found = self.estimate(self.metric) if is_error(self.metric) else None
        return wilson_interval(found.mean, self.test_size) if found and self.test_size else None

    def cost(self, name: str) -> float | None:
        """A cost, averaged over the finished seeds; null where it was not measured."""
        values = [record.costs[name] for record in self.finished if record.costs and name in record.costs]
        return math.fsum(values) / len(values) if values else None


@dataclass(frozen=True)
class Table:
    """A whole board. ``environments`` counts what the runs that count ran on."""

    board: Board
    rows: tuple[Row, ...]
    data: DataPrint | None
    hardware: str | None
    environments: tuple[tuple[Environment, int], ...]
    comparisons: tuple[Comparison, ...]
    detectable: Detectable

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The planned entries, in the board's order."""
        by_key = {row.entry.key: row.entry for row in self.rows}
        return tuple(by_key[key] for key in self.board.entries)

    @property
    def ranks_cross(self) -> bool:
        """Whether some entry holds a better rank than one with a better mean: spread hides differences."""
        found = [row.rank for row in self.rows if row.rank is not None]
        return found != sorted(found)

    @property
    def troubles(self) -> list[tuple[Row, Run]]:
        """Every planned run that does not count, with its row."""
        return [(row, run) for row in self.rows for run in row.runs if not run.finished]


def make_table(board: Board, entries: Sequence[Entry], records: Sequence[RunRecord]) -> Table:
    """Rank the records of a board; their order has no influence.

    Raises:
        ValueError: one line: runs that were not planned, two of one entry and seed, or runs on different
        data.
    """
    check_entries(board, entries)
    by_run = _by_run(board, entries, records)
    data = _one_data([by_run[key] for key in sorted(by_run)])
    hardware = _main_hardware(list(by_run.values()))
    rows = [_row(board, entry, by_run, data, hardware) for entry in entries]
    ranked = [row for row in rows if row.complete]
    values = [{record.seed: _metric(record, board.metric) for record in row.finished} for row in ranked]
    resolution = 1 / data.sizes["test"] if data else 0.0
    comparisons = compare(values, resolution=resolution)
    found = ranks(comparisons, len(ranked), alpha=board.alpha, direction=board.direction)
    rank_of = {row.entry.key: rank for row, rank in zip(ranked, found, strict=True)}
    ordered = sorted(rows, key=lambda row: _place(row, rank_of.get(row.entry.key), board))
    numbered = tuple(_numbered(row, k, rank_of.get(row.entry.key)) for k, row in enumerate(ordered, start=1))
    number_of = {row.entry.key: row.number for row in numbered}
    return Table(
        board=board,
        rows=numbered,
        data=data,
        hardware=hardware,
        environments=_environments(numbered),
        comparisons=_by_number(comparisons, [number_of[row.entry.key] for row in ranked]),
        detectable=detectable_gap(values, resolution=resolution, alpha=board.alpha),
    )


def record_key(record: RunRecord) -> str:
    """The name of a record's folder on a board."""
    return f"{record.entry_hash[:8]}-s{record.seed}"


def hardware_of(environment: Environment) -> str:
    """What makes timings comparable: the GPUs of the run, else the processor, and its threads."""
    device = " + ".join(environment.gpus) or environment.cpu
    threads = "thread" if environment.threads == 1 else "threads"
    return f"{device}, {environment.threads} {threads} a run"


def _by_run(
    board: Board, entries: Sequence[Entry], records: Sequence[RunRecord]
) -> dict[tuple[str, int], RunRecord]:
    planned = {entry.entry_hash for entry in entries}
    by_run: dict[tuple[str, int], RunRecord] = {}
    for record in sorted(records, key=lambda record: (record_key(record), record.run_key)):
        key = (record.entry_hash, record.seed)
        if record.entry_hash not in planned:
            raise ValueError(f"runs must be of the board's entries, got {record_key(record)}; leave it out")
        if record.seed not in board.seeds:
            raise ValueError(
                f"seeds must be among the planned {board.seeds}, got {record.seed}; leave the run out"
            )
        if key in by_run:
            raise ValueError(
                f"an entry and seed must have one run, got two of {record_key(record)}; remove one"
            )
        by_run[key] = record
    return by_run


def _one_data(records: Sequence[RunRecord]) -> DataPrint | None:
    """The data that all runs saw; runs that failed before they saw any have none."""
    seen: dict[str, RunRecord] = {}
    for record in records:
        if record.data is not None:
            seen.setdefault(_text(record.data), record)
    if len(seen) > 1:
        first, second = list(seen.values())[:2]
        raise ValueError(
            f"runs must be on one data set and split, got {_data_text(first)} and {_data_text(second)}; "
            "run the older again"
        )
    return next(iter(seen.values())).data if seen else None


def _data_text(record: RunRecord) -> str:
    data = record.data
    assert data is not None
    return f"{data.name} {data.content[:8]}/{data.split[:8]} in {record_key(record)}"


def _main_hardware(records: Sequence[RunRecord]) -> str | None:
    """The hardware of most finished runs; of equals, the first by name."""
    counts = Counter(hardware_of(r.environment) for r in records if r.status is Status.FINISHED)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None


def _row(
    board: Board,
    entry: Entry,
    by_run: dict[tuple[str, int], RunRecord],
    data: DataPrint | None,
    hardware: str | None,
) -> Row:
    runs = tuple(_run(seed, by_run.get((entry.entry_hash, seed)), hardware) for seed in board.seeds)
    size = data.sizes["test"] if data else 0
    return Row(number=0, rank=None, entry=entry, runs=runs, metric=board.metric, test_size=size)


def _run(seed: int, record: RunRecord | None, hardware: str | None) -> Run:
    if record is None:
        return Run(seed=seed, status=MISSING, reason="there is no record", folder=None, record=None)
    folder = f"records/{record_key(record)}"
    if record.status is Status.FINISHED and hardware_of(record.environment) != hardware:
        reason = f"ran on {hardware_of(record.environment)}; a ranking is of one hardware"
        return Run(seed=seed, status=LEFT_OUT, reason=reason, folder=folder, record=None)
    if record.status is Status.FINISHED and record.metrics is None:
        raise ValueError(f"a finished run must have metrics, got none in {record_key(record)}; run it again")
    return Run(seed=seed, status=str(record.status), reason=record.error, folder=folder, record=record)


def _metric(record: RunRecord, name: str) -> float:
    assert record.metrics is not None
    if name not in record.metrics:
        known = ", ".join(sorted(record.metrics))
        raise ValueError(f"a metric must be one that the runs have ({known}), got {name}; correct the board")
    return record.metrics[name]


def _place(row: Row, rank: int | None, board: Board) -> tuple[Any, ...]:
    """Sort key: ranked rows by mean, then the others by mean, then those that never finished."""
    found = row.estimate(board.metric)
    sign = 1 if board.direction == "min" else -1
    mean = sign * found.mean if found else math.inf
    return (rank is None, mean, row.entry.key)


def _numbered(row: Row, number: int, rank: int | None) -> Row:
    return Row(
        number=number,
        rank=rank,
        entry=row.entry,
        runs=row.runs,
        metric=row.metric,
        test_size=row.test_size,
    )


def _environments(rows: Sequence[Row]) -> tuple[tuple[Environment, int], ...]:
    by_text = {_text(record.environment): record.environment for row in rows for record in row.finished}
    counts = Counter(_text(record.environment) for row in rows for record in row.finished)
    return tuple(
        (by_text[text], counts[text]) for text in sorted(counts, key=lambda text: (-counts[text], text))
    )


def _text(value: DataPrint | Environment) -> str:
    """Equal for equal values, whatever the order of their keys."""
    return canonical_json(asdict(value))


def _by_number(comparisons: Sequence[Comparison], numbers: Sequence[int]) -> tuple[Comparison, ...]:
    """Comparisons by row number, the better-placed row first."""
    turned = []
    for found in comparisons:
        first, second, difference = numbers[found.first], numbers[found.second], found.difference
        if first > second:
            first, second, difference = second, first, -difference
        turned.append(Comparison(first=first, second=second, difference=difference, p=found.p))
    return tuple(sorted(turned, key=lambda found: (found.first, found.second)))
