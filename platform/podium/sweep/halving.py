"""Successive halving of trials that train as one program: at a rung the search stops some, and the program shrinks.

What is stopped is asked of the search's memory (memory.py), trial by trial in the order of their numbers, as if each came
to the rung a moment after the one before it. So decisions outlast an interruption, and trials that do not pack go on alone
within the same search.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any

from podium.records.record import RunRecord, Status, canonical_json
from podium.run.folders import find_record, is_final
from podium.sweep.memory import JOURNAL, Memory
from podium.sweep.packs import Packed, runs_of
from podium.sweep.plan import Plan, rungs
from podium.sweep.progress import SweepBar
from podium.sweep.settings import Asha, Hyperband
from podium.sweep.space import Point
from podium.sweep.trial import Tools, Trial

Config = dict[str, Any]


class Halving:
    """The trials of one program between their search and their runs, which are in the places ``seeds * k`` to
    ``seeds * (k + 1) - 1`` for the k-th trial.
    """

    def __init__(
        self, memory: Memory, trials: Sequence[tuple[int, Trial, list[Config]]], stops: Collection[int]
    ) -> None:
        self.configs = [config for _, _, configs in trials for config in configs]
        self._memory = memory
        self._trials = [(number, trial) for number, trial, _ in trials]
        self._seeds = len(self.configs) // len(trials)
        self._stops = stops
        open_ = [place for place, config in enumerate(self.configs) if not is_final(find_record(config))]
        self._open = [{place for place in open_ if place // self._seeds == k} for k in range(len(trials))]
        for k, places in enumerate(self._open):
            if not places:  # it was over, and the search could not be told
                self._over(k)

    def at_rung(self, epochs: int, places: Collection[int]) -> set[int]:
        """The places under way that stop after so many epochs; all seeds of a trial do, or none."""
        if epochs not in self._stops:
            return set()
        gone = {k for k in sorted({place // self._seeds for place in places}) if self._stops_at(k, epochs)}
        return {place for place in places if place // self._seeds in gone}

    def ended(self, place: int, record: RunRecord) -> None:
        """A run is over. With the last of its trial, the trial is, unless the search stopped it."""
        k = place // self._seeds
        self._open[k].discard(place)
        if not self._open[k] and record.status is not Status.STOPPED:
            self._over(k)

    def _stops_at(self, k: int, epochs: int) -> bool:
        number, trial = self._trials[k]
        outcome = trial.advance(epochs, there=True)
        if outcome.value is None:
            self._memory.tell(number, [math.nan])
            return True
        return self._memory.report(number, epochs, outcome.value)

    def _over(self, k: int) -> None:
        number, trial = self._trials[k]
        value = trial.advance(None, there=True).value
        self._memory.tell(number, [math.nan if value is None else value])


def pack_halving(plan: Plan, tools: Tools, base: Config, *, at_once: int) -> Packed:
    """Train the trials of a halving that pack; the others are left to be trained alone, in the same search.

    Raises:
        Interrupted: an end was asked for; the same command goes on.
    """
    from podium.pack.bucket import buckets

    max_epochs = base["trainer"]["max_epochs"]
    stops = [epochs for epochs in rungs(plan.search, max_epochs) if epochs is not None]
    packed, memory = Packed(), Memory(plan, max_epochs=max_epochs)
    trials: list[tuple[int, Trial, list[Config]]] = []
    while (asked := memory.ask()) is not None:
        trial = Trial(plan, asked[1], tools)
        if not (configs := runs_of(trial)):
            packed.alone["they cannot be composed"] += plan.seeds
        elif not _one_shape(configs):
            packed.alone["the seeds of a trial differ in shape"] += plan.seeds
        else:
            trials.append((asked[0], trial, configs))
    found = buckets([configs[0] for _, _, configs in trials])
    for reason in found.alone.values():
        packed.alone[reason] += plan.seeds
    total = plan.seeds * sum(map(len, found.packs))
    with SweepBar(plan.name, total=total, known=0, unit="packed run", mode=plan.mode) as bar:
        for places in found.packs:
            _train(packed, Halving(memory, [trials[place] for place in places], stops), at_once, plan, bar)
    return packed


def _train(packed: Packed, halving: Halving, at_once: int, plan: Plan, bar: SweepBar) -> None:
    def ended(place: int, record: RunRecord) -> None:
        packed.runs += 1
        packed.stopped += record.status is Status.STOPPED
        bar.at(packed.runs, (record.metrics or {}).get(plan.metric))
        halving.ended(place, record)

    from podium.pack.shares import Share, attempt

    share = Share(halving.configs, at_least=min(at_once, len(halving.configs)))
    packed.note(share.configs, attempt(share, ended=ended, judge=halving.at_rung, together=plan.seeds))


def _one_shape(configs: Sequence[Config]) -> bool:
    from podium.pack.bucket import shape_of

    return len({canonical_json(shape_of(config)) for config in configs}) == 1


def stopped_points(plan: Plan, base: Config) -> set[Point] | None:
    """The points that a halving stopped, if none of its trials is left; else null."""
    if not isinstance(plan.search, Asha | Hyperband) or not (plan.folder / JOURNAL).is_file():
        return None
    memory = Memory(plan, max_epochs=base["trainer"]["max_epochs"])
    return memory.stopped() if memory.open() == 0 else None
