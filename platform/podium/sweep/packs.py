"""Runs of one shape are trained as one program before others are trained one by one; what was packed is said in a line.

Packs train on this machine, on each core one of them at a time. They are made only where that is faster than training
their runs alone on all cores that there are; runs that are faster alone are trained so by the same processes.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from podium.records.record import RunRecord, Status
from podium.run.errors import ConfigError
from podium.run.folders import find_record, is_final
from podium.sweep.board import first_seeds, train_one
from podium.sweep.plan import Plan, cores
from podium.sweep.progress import SweepBar
from podium.sweep.settings import Asha, Hyperband, Median, Pbt, Suggests
from podium.sweep.tools import train
from podium.sweep.trial import Tools, Trial, is_missing, load, quietly

if TYPE_CHECKING:
    from podium.pack.shares import Share, Tried

Config = dict[str, Any]
Pack = Literal["auto", "off"]


@dataclass
class Packed:
    """What was packed: runs, of which some were stopped by the search, and programs; and the runs that train alone, by
    reason. Those that failed here, alone, by entry hash and seed, are over as well.
    """

    runs: int = 0
    programs: int = 0
    stopped: int = 0
    alone: Counter[str] = field(default_factory=Counter)
    failed: set[tuple[str, int]] = field(default_factory=set)

    def note(self, configs: Sequence[Config], tried: "Tried") -> None:
        """What became of a share of runs."""
        self.programs += tried.programs
        if tried.reason is not None:
            self.alone[tried.reason] += sum(
                place in tried.alone or not is_final(find_record(config))
                for place, config in enumerate(configs)
            )

    def __str__(self) -> str:
        """One line for people."""
        said = f"packed: {self.runs} runs in {self.programs} programs" if self.runs else "packed: no runs"
        said += f" ({self.stopped} stopped early)" if self.stopped else ""
        reasons = [f"{count} ({reason})" for reason, count in self.alone.most_common()]
        return f"{said}; alone: {', '.join(reasons)}" if reasons else said


def pack_runs(configs: Sequence[Config], *, title: str, at_once: int, pictures: bool = False) -> Packed:
    """Train those of these runs that pack, while others could train so many at once; the rest is left as it is, but for
    runs that processes of packs found faster alone.

    With ``pictures`` the first seed of each entry leaves some.

    Raises:
        Interrupted: an end was asked for; what is over is kept.
    """
    from podium.pack.bucket import buckets
    from podium.pack.shares import train_shares
    from podium.pack.train import TAG

    missing = [quietly(config) for config in configs if not is_final(find_record(config))]
    found = buckets(missing)
    drawn = first_seeds(missing) if pictures else set()
    packed = Packed(alone=Counter(found.alone.values()))
    if not found.packs:
        return packed
    shares, processes = divided(missing, found.packs, at_once, drawn)
    total = sum(map(len, found.packs))
    with SweepBar(title, total=total, known=0, unit="run", mode="min") as bar:
        over = itertools.count(1)

        def ended(share: int, place: int, record: RunRecord) -> None:
            packed.runs += TAG in (record.tags or {})
            if record.status is Status.FAILED:
                packed.failed.add((record.entry_hash, record.seed))
            bar.at(next(over), (record.metrics or {}).get("validation/top1_error"))

        for share, tried in zip(
            shares, train_shares(shares, processes, ended, train=_train_alone), strict=True
        ):
            packed.note(share.configs, tried)
    return packed


def _train_alone(config: Config, pictures: bool) -> RunRecord:
    return train_one(config, train, str(Path.cwd()), pictures)


def divided(
    configs: Sequence[Config], packs: Sequence[Sequence[int]], at_once: int, drawn: Collection[int]
) -> tuple[list["Share"], int]:
    """Packs of these configurations, by place, as shares for so many processes; those in ``drawn`` leave pictures.

    Each pack is divided among all processes, so that they end together; a share is two runs or more.
    """
    from podium.pack.shares import Share, forks

    places = [place for pack in packs for place in pack]
    processes = at_once if all(forks(configs[place]["runtime"]) for place in places) else 1
    parts: list[Sequence[int]] = []
    for pack in packs:
        count = max(1, min(processes, len(pack) // 2))
        parts += [pack[k::count] for k in range(count)]
    at_least = min(at_once, len(places)) / max(1, min(processes, len(parts)))
    shares = [
        Share(
            [configs[place] for place in part],
            at_least=min(at_least, len(part)),
            pictures=[k for k, place in enumerate(part) if place in drawn],
        )
        for part in parts
    ]
    return shares, processes


def why_not(plan: Plan, tools: Tools) -> str | None:
    """Why nothing of a sweep is packed; null where something may be."""
    limits = plan.budget
    if plan.pack == "off" or tools.pack is None:
        return "pack=off"
    if isinstance(plan.search, Median | Suggests | Pbt):
        return f"search={plan.search.kind} looks at runs on the way"
    if plan.cluster.address != "local" or plan.cluster.gpus_per_trial:
        return "a cluster trains the runs"
    if limits.epochs is not None or limits.hours is not None or limits.trial_s is not None:
        return "the sweep has a budget"
    return None


def pack_sweep(plan: Plan, tools: Tools, base: Config) -> str:
    """Train the runs of a sweep that pack, note the trials that are over then, and say what was packed.

    Raises:
        Interrupted: an end was asked for; the same command goes on.
    """
    if (reason := why_not(plan, tools)) is not None:
        return f"packed: no runs; {reason}"
    assert tools.pack is not None
    if isinstance(plan.search, Asha | Hyperband):
        from podium.sweep.halving import pack_halving

        return str(pack_halving(plan, tools, base, at_once=runs_at_once(plan, base)))
    outcomes = load(plan.folder)
    points = [point for point in plan.points() if is_missing(outcomes.get(plan.line(point)))]
    trials = [Trial(plan, point, tools) for point in points]
    configs = [runs_of(trial) for trial in trials]
    at_once = runs_at_once(plan, base)
    said = tools.pack([one for of_trial in configs for one in of_trial], title=plan.name, at_once=at_once)
    for trial, of_trial in zip(trials, configs, strict=True):
        if of_trial and all(is_final(find_record(config)) for config in of_trial):
            trial.advance(None, there=True)
    return str(said)


def runs_at_once(plan: Plan, base: Config) -> int:
    """How many runs would train side by side if none were packed."""
    found = max(1, cores(plan.cluster) // int(base["runtime"]["threads"]))
    return found if plan.budget.concurrency is None else min(found, plan.budget.concurrency)


def runs_of(trial: Trial) -> list[Config]:
    """The runs of a trial; none where one cannot be composed: the trial fails with its reason, later."""
    try:
        return [trial.config(seed, None) for seed in range(trial.plan.seeds)]
    except ConfigError:
        return []
