"""Ray Tune carries a sweep out: one Tune trial is one configuration, whose seeds are trained inside it.

This file imports Ray; the room imports this file when a sweep begins.
"""

import math
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ray import tune

from podium.records.record import Status
from podium.run.errors import WorkerLost
from podium.sweep.budget import Ledger, epochs_of
from podium.sweep.guide import FULL, VALUE, GoOn, Next, Watch, Work
from podium.sweep.memory import Listed, Memory, Source
from podium.sweep.plan import Plan, cores, rungs
from podium.sweep.population import Population, beginner
from podium.sweep.progress import SweepBar
from podium.sweep.rays import ray_of
from podium.sweep.settings import Pareto, Pbt, Remembers, Suggests
from podium.sweep.space import Point
from podium.sweep.together import Together, are_spread, resources
from podium.sweep.trial import NO_ROOM, Outcome, Tools, Trial, is_missing

WORKER_FAILURES = (
    2  # a worker process that dies is replaced so often for each trial; runs go on from checkpoints
)


@dataclass(frozen=True)
class Carried:
    """How a search ended: points that lost their worker and why, those stopped early, how many trials are not over,
    and, where it was the budget that ended it, how.
    """

    lost: list[tuple[Point, str]]
    stopped: set[Point]
    left: int
    ended: str | None


@dataclass(frozen=True)
class Task:
    """What every worker needs to know."""

    plan: Plan
    rungs: list[int | None]
    tools: Tools
    folder: str
    spread: bool


class ConfigurationTrial(tune.Trainable):
    """One configuration in a worker: each step trains its seeds to the next rung and reports their mean.

    The actor is used again for the next configuration, and each run seeds everything itself.
    """

    def setup(self, config: dict[str, Any], *, task: Task) -> None:  # type: ignore[override]
        """Called once in a worker process."""
        os.chdir(task.folder)
        if task.spread:
            train = partial(task.tools.train, start=Together())
            task = replace(task, tools=replace(task.tools, train=train))
        self._task = task
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called when the worker takes another configuration."""
        task = self._task
        self._rungs = _rungs_of(task, new_config["number"])
        self._trial = Trial(task.plan, tuple(new_config["point"]), task.tools)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung. A trial that failed reports NaN, and is over.

        Raises:
            RayActorError: a worker of the trial was lost, which counts for Tune as if the trial was, or not at all where
                its node was recalled.
        """
        epochs = self._rungs.pop(0)
        try:
            outcome = self._trial.advance(epochs)
        except WorkerLost as error:
            raise (error.__cause__ or error) from None
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return {
                VALUE: math.nan,
                "epoch": 0,
                "trained": 0,
                "final": False,
                "done": True,
                FULL: error.strerror,
            }
        value = math.nan if outcome.value is None else outcome.value
        over = not self._rungs or outcome.status is not Status.RUNNING
        result = {VALUE: value, "epoch": epochs or 0, "trained": epochs_of(outcome), "done": over}
        if isinstance(self._task.plan.search, Pareto):
            cost = outcome.cost(self._task.plan.search.cost)
            result["cost"] = math.nan if cost is None else cost
        return {**result, "final": not self._rungs}


def _rungs_of(task: Task, number: int) -> list[int | None]:
    """Where a trial pauses; a member of a population is one trial in each generation, with a rung of its own."""
    if isinstance(task.plan.search, Pbt):
        return [task.rungs[number // len(task.plan.points())]]
    return list(task.rungs)


def carry_out(plan: Plan, outcomes: dict[str, Outcome], tools: Tools, base: dict[str, Any]) -> Carried:
    """Make the missing trials; what each did is in its file.

    Grid and random search make what has no outcome yet; the others go on from their memory. ``base`` is the
    configuration of some run, for its epochs and threads.
    """
    ledger = Ledger(plan, outcomes)
    max_epochs = base["trainer"]["max_epochs"]
    task = Task(
        plan=plan,
        rungs=rungs(plan.search, max_epochs),
        tools=tools,
        folder=str(Path.cwd()),
        spread=are_spread(plan.cluster, base["runtime"]),
    )
    source = _source(task, outcomes, max_epochs)
    lost = []
    if (trials := source.open()) and ledger.used_up() is None:
        title, total = plan.name, plan.trials() * (len(task.rungs) if isinstance(plan.search, Pbt) else 1)
        with (
            ray_of(plan.cluster, cores(plan.cluster)),
            SweepBar(title, total=total, known=total - trials, unit="trial", mode=plan.mode) as bar,
        ):
            work = Work(plan=plan, source=source, ledger=ledger, bar=bar)
            with work.under_way(), TemporaryDirectory(prefix="podium-tune-") as folder:
                _tuner(task, trials=trials, base=base, folder=folder).fit()
            lost = work.lost
    left = source.open()
    untold = 0 if isinstance(plan.search, Pbt) else len(lost)  # a population goes on without them
    ended = ledger.used_up() if left > untold else None
    return Carried(lost=lost, stopped=source.stopped(), left=left, ended=ended)


def _source(task: Task, outcomes: dict[str, Outcome], max_epochs: int) -> Source:
    """Where the trials come from."""
    plan = task.plan
    if isinstance(plan.search, Pbt):
        return Population(plan, stops=task.rungs, begin=beginner(plan, task.tools))
    if isinstance(plan.search, Remembers):
        return Memory(plan, max_epochs=max_epochs)
    return Listed([point for point in plan.points() if is_missing(outcomes.get(plan.line(point)))])


def _tuner(task: Task, *, trials: int, base: dict[str, Any], folder: str) -> tune.Tuner:
    """Tune with a folder for notes that nobody reads again: it must not fail where the results' disk is full."""
    plan = task.plan
    # A trial that waits was chosen already: none does where the choice depends on those that run.
    waits = isinstance(plan.search, Suggests) or plan.budget.epochs or plan.budget.hours
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(1 if waits else max(16, cores(plan.cluster)))
    return tune.Tuner(
        tune.with_resources(
            tune.with_parameters(ConfigurationTrial, task=task), resources(plan.cluster, base["runtime"])
        ),
        tune_config=tune.TuneConfig(
            metric=VALUE,
            mode=plan.mode,
            reuse_actors=True,
            search_alg=Next(plan.mode),
            scheduler=GoOn(),  # type: ignore[no-untyped-call]  # Ray's schedulers have no types
            num_samples=trials,
        ),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=folder,
            verbose=0,
            callbacks=[Watch()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=WORKER_FAILURES),
        ),
    )
