"""Records in, table out: which runs count, how entries rank, what was left out and why."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from podium.leaderboard.board import Board, Entry, check_entries
from podium.leaderboard.estimate import Estimate
from podium.leaderboard.evidence import Award, Evidence
from podium.leaderboard.groups import Group, aligner, unite
from podium.leaderboard.honesty import doubts
from podium.leaderboard.pairs import Comparison
from podium.leaderboard.problem import Problem
from podium.leaderboard.runs import Run, admitted, main_hardware, one_data, planned_run, text_of
from podium.leaderboard.runs import record_key as record_key
from podium.leaderboard.statistics import (
    MIN_SEEDS,
    Detectable,
    compare,
    detectable_gap,
    ranks,
    sign_flips,
    wilson_interval,
)
from podium.leaderboard.text import is_error
from podium.leaderboard.tried import Effort, Trial
from podium.leaderboard.unit import is_share
from podium.records.environment import Environment
from podium.records.record import DataPrint, RunRecord


@dataclass(frozen=True)
class Row:
    """One entry. ``number`` counts rows from 1 as published; ``rank`` is null when a seed is not finished.

    ``effort`` is what was tried for the entry, null where that is not known. With ``groups``, the ensembles of that entry:
    their members are ``runs``; ``rank`` is null too where they are too few. Without a ``badge`` it is self-reported.
    """

    number: int
    rank: int | None
    entry: Entry
    runs: tuple[Run, ...]
    metric: str
    test_size: int
    groups: tuple[Group, ...] | None = None
    effort: Effort | None = None
    badge: Award | None = None

    @property
    def members(self) -> int:
        """How many networks answer together."""
        return len(self.groups[0].seeds) if self.groups else 1

    @property
    def key(self) -> tuple[str, int]:
        """What tells rows apart."""
        return self.entry.key, self.members

    @property
    def name(self) -> str:
        """What the page calls the row."""
        return self.entry.name if self.groups is None else f"{self.entry.name}, ensemble of {self.members}"

    @cached_property
    def finished(self) -> tuple[RunRecord, ...]:
        """The records that count, by seed."""
        return tuple(run.record for run in self.runs if run.finished and run.record is not None)

    @property
    def complete(self) -> bool:
        """Whether every planned seed finished, or every member of every ensemble."""
        return len(self.finished) == len(self.runs)

    @property
    def testable(self) -> bool:
        """Whether the row can have a rank."""
        return self.complete and (self.groups is None or len(self.groups) >= MIN_SEEDS)

    @property
    def _replicates(self) -> list[tuple[int, Mapping[str, float], Mapping[str, float]]]:
        """Seed, metrics and costs of each replicate that counts; of an ensemble the seed of its first member."""
        if self.groups is None:
            return [(record.seed, record.metrics or {}, record.costs or {}) for record in self.finished]
        return [(g.seeds[0], g.metrics, g.costs or {}) for g in self.groups if g.metrics is not None]

    def estimate(self, metric: str) -> Estimate | None:
        """A final metric over the finished seeds, or over ensembles; null where none finished."""
        if metric not in self._estimates:
            values = {seed: _metric(metrics, metric) for seed, metrics, _ in self._replicates}
            self._estimates[metric] = Estimate.of(values, share=is_share(metric)) if values else None
        return self._estimates[metric]

    @cached_property
    def _estimates(self) -> dict[str, Estimate | None]:
        """Those that were asked for: a page asks many times, and a bootstrap takes milliseconds."""
        return {}

    def test_set_interval(self) -> tuple[float, float] | None:
        """What another test set of this size could have shown, for the mean of the ranking metric.

        Null where that is no share of examples: Wilson's interval is of counts.
        """
        found = self.estimate(self.metric) if is_error(self.metric) else None
        return wilson_interval(found.mean, self.test_size) if found and self.test_size else None

    def cost(self, name: str) -> float | None:
        """A cost, averaged over the finished seeds, or over ensembles; null where it was not measured."""
        values = [costs[name] for _, _, costs in self._replicates if name in costs]
        return math.fsum(values) / len(values) if values else None


@dataclass(frozen=True)
class Table:
    """A whole board. ``environments`` counts what the runs that count ran on; ``flips`` has the same pairs by the sign-flip
    test, null where the seeds are too few for it; ``void`` is why some of the ``evidence`` does not count.
    """

    board: Board
    rows: tuple[Row, ...]
    data: DataPrint | None
    hardware: str | None
    environments: tuple[tuple[Environment, int], ...]
    comparisons: tuple[Comparison, ...]
    detectable: Detectable
    flips: tuple[Comparison, ...] | None
    doubts: tuple[Problem, ...]
    evidence: tuple[Evidence, ...] = ()
    void: tuple[Problem, ...] = ()

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

    @cached_property
    def comparisons_of(self) -> dict[int, list[Comparison]]:
        """The comparisons that a row is in, by its number."""
        found: dict[int, list[Comparison]] = {row.number: [] for row in self.rows}
        for comparison in self.comparisons:
            found[comparison.first].append(comparison)
            found[comparison.second].append(comparison)
        return found

    @cached_property
    def claims(self) -> list[Comparison]:
        """The differences that the ranks rest on."""
        return [found for found in self.comparisons if found.p < self.board.alpha and found.difference != 0]

    @property
    def unconfirmed(self) -> list[Comparison]:
        """The claims that the sign-flip test does not confirm; none where it is not made."""
        p = {(found.first, found.second): found.p for found in self.flips or ()}
        return [found for found in self.claims if p.get((found.first, found.second), 0.0) >= self.board.alpha]

    @property
    def tuned_unequally(self) -> bool:
        """Whether more configurations were tried for some rows than for others."""
        return len({row.effort.configurations for row in self.singles if row.effort}) > 1

    @property
    def troubles(self) -> list[tuple[Row, Run]]:
        """Every planned run that does not count, with its entry's row."""
        return [(row, run) for row in self.singles for run in row.runs if not run.finished]

    @property
    def singles(self) -> list[Row]:
        """The rows of entries, without their ensembles."""
        return [row for row in self.rows if row.groups is None]


def make_table(
    board: Board,
    entries: Sequence[Entry],
    records: Sequence[RunRecord],
    *,
    folders: Mapping[str, Path] | None = None,
    tried: Sequence[Trial] | None = None,
) -> Table:
    """Rank the records of a board; their order has no influence.

    A board with ensembles needs the ``folders`` in which their predictions lie, by the folder of a record on the board.

    Raises:
        ValueError: one line: runs that were not planned, two of one entry and seed, or runs on different
        data.
    """
    check_entries(board, entries)
    by_run = admitted(board, entries, records)
    data = one_data([by_run[key] for key in sorted(by_run)])
    hardware = main_hardware(list(by_run.values()))
    rows = [_row(board, entry, by_run, data, hardware, tried) for entry in entries]
    by_key = {row.entry.key: row for row in rows}
    rows += [_ensembles(by_key[plan.entry], plan.members, folders or {}) for plan in board.ensembles]
    ranked = [row for row in rows if row.testable]
    estimates = [row.estimate(board.metric) for row in ranked]
    values = [found.values for found in estimates if found is not None]
    resolution = 1 / data.sizes["test"] if data else 0.0
    sizes = [row.members for row in ranked]
    align = aligner(values, sizes, board.seeds) if board.ensembles else None
    comparisons = compare(values, resolution=resolution, align=align)
    found = ranks(comparisons, len(ranked), alpha=board.alpha, direction=board.direction)
    rank_of = {row.key: rank for row, rank in zip(ranked, found, strict=True)}
    ordered = sorted(rows, key=lambda row: _place(row, rank_of.get(row.key), board))
    numbered = tuple(
        replace(row, number=k, rank=rank_of.get(row.key)) for k, row in enumerate(ordered, start=1)
    )
    number_of = {row.key: row.number for row in numbered}
    numbers = [number_of[row.key] for row in ranked]
    flips = sign_flips(values, alpha=board.alpha, align=align)
    single = [value for row, value in zip(ranked, values, strict=True) if row.groups is None]
    return Table(
        board=board,
        rows=numbered,
        data=data,
        hardware=hardware,
        environments=_environments(row for row in numbered if row.groups is None),
        comparisons=_by_number(comparisons, numbers),
        detectable=detectable_gap(single, resolution=resolution, alpha=board.alpha, tests=len(comparisons)),
        flips=None if flips is None else _by_number(flips, numbers),
        doubts=tuple(doubts(board, entries, records, tried)),
    )


def _row(
    board: Board,
    entry: Entry,
    by_run: dict[tuple[str, int], RunRecord],
    data: DataPrint | None,
    hardware: str | None,
    tried: Sequence[Trial] | None,
) -> Row:
    runs = tuple(planned_run(seed, by_run.get((entry.entry_hash, seed)), hardware) for seed in board.seeds)
    size = data.sizes["test"] if data else 0
    effort = None if tried is None else Effort.of(tried, entry.key)
    return Row(0, None, entry, runs, metric=board.metric, test_size=size, effort=effort)


def _ensembles(row: Row, members: int, folders: Mapping[str, Path]) -> Row:
    """The row of the ensembles of an entry: disjoint groups of its runs, in the order of the board's seeds."""
    whole = len(row.runs) // members * members
    parts = [row.runs[start : start + members] for start in range(0, whole, members)]
    groups = [
        unite(
            [run.seed for run in part], [folders[run.folder] for run in part if run.finished and run.folder]
        )
        for part in parts
    ]
    return replace(row, runs=row.runs[:whole], groups=tuple(groups))


def _metric(metrics: Mapping[str, float], name: str) -> float:
    if name not in metrics:
        known = ", ".join(sorted(metrics))
        raise ValueError(f"a metric must be one that the runs have ({known}), got {name}; correct the board")
    return metrics[name]


def _place(row: Row, rank: int | None, board: Board) -> tuple[Any, ...]:
    """Sort key: ranked rows by mean, then the others by mean, then those that never finished."""
    found = row.estimate(board.metric)
    sign = 1 if board.direction == "min" else -1
    mean = sign * found.mean if found else math.inf
    return (rank is None, mean, *row.key)


def _environments(rows: Iterable[Row]) -> tuple[tuple[Environment, int], ...]:
    seen = [record.environment for row in rows for record in row.finished]
    return tuple(sorted(Counter(seen).items(), key=lambda found: (-found[1], text_of(found[0]))))


def _by_number(comparisons: Sequence[Comparison], numbers: Sequence[int]) -> tuple[Comparison, ...]:
    """Comparisons by row number, the better-placed row first."""
    turned = []
    for found in comparisons:
        first, second, difference = numbers[found.first], numbers[found.second], found.difference
        if first > second:
            first, second, difference = second, first, -difference
        turned.append(Comparison(first=first, second=second, difference=difference, p=found.p))
    return tuple(sorted(turned, key=lambda found: (found.first, found.second)))
