"""Records in, results out: what each variant chose, its value for each seed, and which planned runs have none."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from podium.leaderboard.honesty import doubts_of_records
from podium.leaderboard.pairs import Values
from podium.leaderboard.problem import Problem
from podium.leaderboard.statistics import Correction, holm, mean_interval
from podium.leaderboard.study import STUDY_FILE, Candidate, Study, check_candidates
from podium.leaderboard.study_before import Before, find_before
from podium.leaderboard.study_ensembles import Averaged, check_ensembles, finished_members
from podium.leaderboard.study_verdict import Outcome, Verdict, outcomes, verdict
from podium.leaderboard.text import is_error
from podium.records.record import DataPrint, RunRecord, Status

Records = Mapping[tuple[str, int], RunRecord]  # entry hash and seed


@dataclass(frozen=True)
class Trial:
    """A candidate on the seeds of the choice: its mean validation metric, null where a seed has none."""

    candidate: Candidate
    mean: float | None
    chosen: bool


@dataclass(frozen=True)
class Variant:
    """A variant with what it chose, and its values by seed, with the mean and its interval (nan under two)."""

    name: str
    candidate: Candidate
    values: Values
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Trouble:
    """A planned run that has no value, and why."""

    variant: str
    seed: int
    status: str
    reason: str


@dataclass(frozen=True)
class Results:
    """A study with everything that its records say, among them that of the run before and its ensembles' values."""

    study: Study
    candidates: tuple[Candidate, ...]
    records: tuple[RunRecord, ...]
    data: DataPrint | None
    trials: tuple[Trial, ...]
    variants: tuple[Variant, ...]
    outcomes: tuple[Outcome, ...]
    verdict: Verdict
    troubles: tuple[Trouble, ...]
    before: Before | None
    averages: tuple[Averaged, ...]

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The record of every run, also of the one before."""
        return self.records if self.before is None else (self.before.record, *self.records)

    @property
    def train_s(self) -> float:
        """Seconds of training of all runs together; of packed ones the shares, which add up to their program's."""
        costs = [record.costs or {} for record in self.runs]
        return math.fsum(cost.get("train_s", cost.get("packed_s", 0.0)) for cost in costs)

    @property
    def doubts(self) -> list[Problem]:
        """Everything in the study that its records speak against, as on a board; empty for an honest one."""
        return doubts_of_records(self.study.seeds, self.records, file=STUDY_FILE)

    @property
    def on_edge(self) -> list[str]:
        """Variants whose chosen value is the first or last that could be chosen."""
        edges = [self.study.choose.values[0], self.study.choose.values[-1]] if self.study.choose else []
        return [one.name for one in self.variants if one.candidate.value in edges]


def results(
    study: Study,
    candidates: Sequence[Candidate],
    records: Sequence[RunRecord],
    *,
    before: RunRecord | None = None,
    averages: Sequence[Averaged] = (),
    correction: Correction = holm,
) -> Results:
    """Judge a study by its records, whose order has no influence, that of the run before, and its ensembles' values.

    Raises:
        ValueError: one line: runs that were not planned, two of one configuration and seed, runs on different data, or
            that began with another network than that of the run before, or ensembles of others than the members.
    """
    check_candidates(study, candidates)
    by_run = {(record.entry_hash, record.seed): record for record in records}
    if len(by_run) < len(records):
        raise ValueError(
            f"a configuration and seed must have one record, got {len(records)} for {len(by_run)}; remove one"
        )
    trials = _trials(study, candidates, by_run)
    chosen = choose(study, candidates, by_run)
    _check_planned(study, candidates, chosen, by_run)
    data = _one_data(records)
    check_ensembles(finished_members(study, chosen, by_run), averages)
    variants = tuple(_variant(study, one, by_run, averages) for one in chosen)
    values = {one.name: one.values for one in variants}
    found = tuple(outcomes(study, values, resolution=_resolution(study, data), correction=correction))
    return Results(
        study=study,
        candidates=tuple(candidates),
        records=tuple(by_run[key] for key in sorted(by_run)),
        data=data,
        trials=trials,
        variants=variants,
        outcomes=found,
        verdict=verdict(found),
        troubles=tuple(_troubles(study, candidates, chosen, by_run)),
        before=find_before(study, {one.entry_hash: one.variant for one in candidates}, before, records),
        averages=tuple(averages),
    )


def _resolution(study: Study, data: DataPrint | None) -> float:
    """The smallest step of a share of examples; zero of other metrics."""
    split = "train" if study.scored_on == "train" else "test"
    size = data.sizes[split] if data and study.measure == "training" else 0
    return 1 / size if size and is_error(study.metric) else 0.0


def choose(study: Study, candidates: Sequence[Candidate], records: Records) -> list[Candidate]:
    """The candidate that each variant trains in the end: that of the lowest mean validation metric, the first of equals."""
    if study.choose is None:
        return list(candidates)
    chosen = []
    for variant in study.variants:
        own = [one for one in candidates if one.variant == variant]
        means = [_validation_mean(study, one, records) for one in own]
        best = min(range(len(own)), key=lambda k: (math.inf if means[k] is None else means[k], k))
        chosen.append(own[best])
    return chosen


def _trials(study: Study, candidates: Sequence[Candidate], records: Records) -> tuple[Trial, ...]:
    if study.choose is None:
        return ()
    chosen = choose(study, candidates, records)
    return tuple(Trial(one, _validation_mean(study, one, records), one in chosen) for one in candidates)


def _validation_mean(study: Study, candidate: Candidate, records: Records) -> float | None:
    """The mean over the choice's seeds; null where one is missing, failed or diverged: such a value is never chosen."""
    assert study.choose is not None
    found = [
        _metric(records.get((candidate.entry_hash, seed)), study.choose.metric) for seed in study.choose.seeds
    ]
    numbers = [value for value in found if value is not None]
    return math.fsum(numbers) / len(numbers) if len(numbers) == len(found) else None


def _metric(record: RunRecord | None, name: str) -> float | None:
    if record is None or record.status is not Status.FINISHED or record.metrics is None:
        return None
    return _named(record.metrics, name)


def _named(metrics: Mapping[str, float], name: str) -> float:
    if name not in metrics:
        known = ", ".join(sorted(metrics))
        raise ValueError(f"a metric must be one that the runs have ({known}), got {name}; correct the study")
    return metrics[name]


def _variant(study: Study, candidate: Candidate, records: Records, averages: Sequence[Averaged]) -> Variant:
    name, found = candidate.variant, dict[int, float | None]()
    if name in (study.members or {}):
        own = {one.seed: _named(one.metrics, study.metric) for one in averages if one.variant == name}
        found = {seed: own.get(seed) for seed in study.seeds}
    else:
        found = {
            seed: _metric(records.get((candidate.entry_hash, seed)), study.metric) for seed in study.seeds
        }
    values = {seed: value for seed, value in found.items() if value is not None}
    mean = math.fsum(values.values()) / len(values) if values else math.nan
    low, high = mean_interval(list(values.values()))
    return Variant(name, candidate, values, mean, low, high)


def _planned(
    study: Study, candidates: Sequence[Candidate], chosen: Sequence[Candidate]
) -> list[tuple[Candidate, int]]:
    trials = study.choose.seeds if study.choose else []
    return [(one, seed) for one in candidates for seed in trials] + [
        (one, seed) for one in chosen for seeds in study.seeds_of(one.variant).values() for seed in seeds
    ]


def _check_planned(
    study: Study, candidates: Sequence[Candidate], chosen: Sequence[Candidate], records: Records
) -> None:
    planned = {(one.entry_hash, seed) for one, seed in _planned(study, candidates, chosen)}
    if strangers := sorted(set(records) - planned):
        digest, seed = strangers[0]
        raise ValueError(f"records must be of the study's runs, got {digest[:8]}-s{seed}; leave it out")


def _troubles(
    study: Study, candidates: Sequence[Candidate], chosen: Sequence[Candidate], records: Records
) -> list[Trouble]:
    found = []
    for one, seed in _planned(study, candidates, chosen):
        record = records.get((one.entry_hash, seed))
        name = one.variant if one.value is None else f"{one.variant}, {one.value:g}"
        if record is None:
            found.append(Trouble(name, seed, "missing", "there is no record"))
        elif record.status is not Status.FINISHED:
            found.append(Trouble(name, seed, str(record.status), record.error or "no reason given"))
    return found


def _one_data(records: Sequence[RunRecord]) -> DataPrint | None:
    """The test data that all runs share; the training data may differ, for that may be what is compared."""
    seen = [record.data for record in records if record.data is not None]
    tests = Counter((data.name, data.test_labels) for data in seen)
    if len(tests) > 1:
        first, second = sorted(tests)[:2]
        raise ValueError(
            f"runs must be tested on one data set and split, got {first[0]} {first[1][:8]} and "
            f"{second[0]} {second[1][:8]}; run the older again"
        )
    return min(seen, key=lambda data: (data.sizes["train"], data.split)) if seen else None
