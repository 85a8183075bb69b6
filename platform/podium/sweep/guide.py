"""What Ray Tune asks: which trial is next, whether one goes on, and how long one may take.

Tune copies and pickles its searchers, schedulers and callbacks, so all of them are empty, and find what they need in
the work that is under way. Tune 2.60 keeps no scheduler's state through a restart: ours is in the search's memory.
"""

import errno
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from podium.sweep.budget import Ledger
from podium.sweep.memory import Source
from podium.sweep.plan import Plan
from podium.sweep.progress import SweepBar
from podium.sweep.space import Point

VALUE = "value"
FULL = "full"  # in a result: why the worker could not write


@dataclass
class Work:
    """A search under way. ``lost`` are points whose worker ended for good, with the reason."""

    plan: Plan
    source: Source
    ledger: Ledger
    bar: SweepBar
    lost: list[tuple[Point, str]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    over: int = 0
    broken: OSError | None = None
    now: ClassVar["Work | None"] = None

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Be what Tune's parts work on."""
        Work.now = self
        try:
            yield
        finally:
            Work.now = None
            self.ledger.save(now=True)

    @contextmanager
    def minding_the_disk(self) -> Iterator[None]:
        """Keep what the disk says for the end of Tune's step: inside one, Tune takes it for the fault of a trial."""
        try:
            yield
        except OSError as error:
            self.broken = error


def _work() -> Work:
    assert Work.now is not None, "Tune asks only while a search is under way"
    return Work.now


class Next(Searcher):
    """Hands out trials while there are some, within budget and concurrency, and tells the search their outcomes."""

    def __init__(self, mode: str) -> None:
        super().__init__(metric=VALUE, mode=mode)

    def suggest(self, trial_id: str) -> Any:
        """The next trial's number and point; null for now when as many run as may, or when it depends on them."""
        work = _work()
        most = work.plan.budget.concurrency
        if most is not None and len(work.numbers) >= most:
            return None
        asked = None
        if work.ledger.used_up() is None:
            with work.minding_the_disk():
                asked = work.source.ask()
            if asked is None and work.numbers and work.source.waits():
                return None
        if asked is None:
            return Searcher.FINISHED
        number, point = asked
        work.numbers[trial_id] = number
        return {"number": number, "point": list(point)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial is over. One that lost its worker, or the budget, is not: it comes again with the next command."""
        work = _work()
        number = work.numbers.pop(trial_id)
        if error or not result:
            with work.minding_the_disk():
                work.source.lose(number)
            return
        if FULL in result:
            work.broken = OSError(errno.ENOSPC, result[FULL])
        elif result["final"] or math.isnan(result[VALUE]):
            aims = [result[VALUE], *([result["cost"]] if "cost" in result else [])]
            with work.minding_the_disk():
                work.source.tell(number, aims)

    def save(self, checkpoint_path: str) -> None:
        """Tune's copy of a searcher is not needed."""

    def restore(self, checkpoint_path: str) -> None:
        """Tune's copy of a searcher is not needed."""


class GoOn(FIFOScheduler):
    """Asks the search at each rung whether a trial goes on, and the budget."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Stop or continue."""
        work = _work()
        if math.isnan(result[VALUE]):
            return str(TrialScheduler.CONTINUE)
        stops = True
        with work.minding_the_disk():
            stops = work.source.report(trial.config["number"], result["epoch"], result[VALUE])
        if stops or work.ledger.used_up() is not None:
            return str(TrialScheduler.STOP)
        return str(TrialScheduler.CONTINUE)


class Watch(tune.Callback):
    """Moves the bar, adds up the budget, and ends workers whose trial takes too long."""

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker takes a trial."""
        _work().began[trial.trial_id] = time.monotonic()

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Many times a second.

        Raises:
            OSError: the disk is full, or another fault of it.
        """
        work = _work()
        if work.broken is not None:
            raise work.broken
        work.ledger.save()
        limit = work.plan.budget.trial_s
        if limit is None:
            return
        for trial in trials:
            actor, began = trial.temporary_state.ray_actor, work.began.get(trial.trial_id, math.inf)
            if trial.status == "RUNNING" and actor is not None and time.monotonic() - began > limit:
                del work.began[trial.trial_id]
                work.late.add(trial.trial_id)
                ray.kill(actor)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial is over: finished, stopped early, or failed with a reason."""
        self._count(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial lost its worker for good, or its worker could not begin."""
        work = _work()
        reason = (str(trial.get_error()).strip() or "unknown").splitlines()[-1]
        if trial.trial_id in work.late:
            reason = f"it took longer than budget.trial_s={work.plan.budget.trial_s:g}"
        work.lost.append((tuple(trial.config["point"]), reason))
        self._count(trial)

    def _count(self, trial: Any) -> None:
        work = _work()
        work.over += 1
        work.began.pop(trial.trial_id, None)
        work.bar.at(work.over, (trial.last_result or {}).get(VALUE))
        trial.metric_analysis.clear()  # what Tune keeps of each is most of what a driver's memory grows by
        trial.metric_n_steps.clear()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A trial came to a rung or to its end."""
        work = _work()
        work.ledger.trained(work.plan.line(tuple(trial.config["point"])), result["trained"])
