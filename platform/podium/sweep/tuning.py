"""Ray Tune carries a sweep out: one Tune trial is one configuration, whose seeds are trained inside it.

This file imports Ray; the room imports this file when a sweep begins.
"""

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from podium.records.record import Status
from podium.sweep.plan import Plan, cores, rungs
from podium.sweep.progress import SweepBar
from podium.sweep.rays import ray_of
from podium.sweep.settings import Asha, Optuna
from podium.sweep.space import Point, distributions, from_suggestion
from podium.sweep.trial import Outcome, Tools, Trial

VALUE = "value"
FOLDER = "tune"
WORKER_FAILURES = (
    2  # a worker process that dies is replaced so often for each trial; runs go on from checkpoints
)


@dataclass(frozen=True)
class Task:
    """What every worker needs to know."""

    plan: Plan
    points: list[Point]
    rungs: list[int | None]
    tools: Tools
    folder: str

    def point(self, config: dict[str, Any]) -> Point:
        """The point that a Tune trial stands for."""
        return self.points[config["index"]] if self.points else from_suggestion(self.plan.axes, config)


class ConfigurationTrial(tune.Trainable):
    """One configuration in a worker: each step trains its seeds to the next rung and reports their mean.

    The actor is used again for the next configuration, and each run seeds everything itself.
    """

    def setup(self, config: dict[str, Any], *, task: Task) -> None:  # type: ignore[override]
        """Called once in a worker process."""
        os.chdir(task.folder)
        self._task = task
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called when the worker takes another configuration."""
        task = self._task
        self._rungs = iter(task.rungs)
        self._trial = Trial(task.plan, task.point(new_config), task.tools)
        return True

    def step(self) -> dict[str, Any]:
        """Train to the next rung. A trial that failed reports NaN, and is over."""
        epochs = next(self._rungs)
        outcome = self._trial.advance(epochs)
        value = math.nan if outcome.value is None else outcome.value
        over = epochs is None or outcome.status is not Status.RUNNING
        return {VALUE: value, "epoch": epochs or 0, "done": over}


class FailuresAreWorst(OptunaSearch):
    """Tells Optuna that a configuration without a value was cut short: its estimator ranks that behind any.

    Tune would leave it running for ever, and what Optuna calls failed teaches its estimator nothing: it
    would go on suggesting what diverges.
    """

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial is over."""
        lacks = result is None or math.isnan(result.get(VALUE, math.nan))
        super().on_trial_complete(trial_id, None if lacks else result, error=False)


class Progress(tune.Callback):
    """Moves the bar when a trial is over.

    Tune pickles its callbacks and takes them up again in another process, so the bar is held by the class,
    and what is done is counted from the trials.
    """

    bar: ClassVar[SweepBar | None] = None
    lost: ClassVar[list[tuple[dict[str, Any], str]]] = []

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial is over: finished, stopped early, or failed with a reason."""
        self._count(trials, trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A trial lost its worker for good, or its worker could not begin."""
        error = str(trial.get_error()).strip() or "unknown"
        self.lost.append((dict(trial.config), error.splitlines()[-1]))
        self._count(trials, trial)

    def _count(self, trials: list[Any], trial: Any) -> None:
        if self.bar is not None:
            others = sum(other.is_finished() for other in trials if other is not trial)
            self.bar.at(others + 1, (trial.last_result or {}).get(VALUE))


def carry_out(
    plan: Plan, outcomes: dict[str, Outcome], tools: Tools, base: dict[str, Any]
) -> list[tuple[Point, str]]:
    """Make the missing trials; what each did is in its file. Returns those that lost their worker, and why.

    Grid and random search make what has no outcome yet. The others depend on what happened before, so Tune
    takes its own state up again. ``base`` is the configuration of some run, for its epochs and threads.
    """
    remembers = isinstance(plan.search, Asha | Optuna)
    points = plan.points()
    if not remembers:
        points = [point for point in points if is_missing(outcomes.get(plan.line(point)))]
        if not points:
            return []
    stops = rungs(plan.search, base["trainer"]["max_epochs"])
    task = Task(plan=plan, points=points, rungs=stops, tools=tools, folder=str(Path.cwd()))
    known = 0 if remembers else plan.trials() - len(points)
    with (
        ray_of(plan.cluster, cores(plan.cluster)),
        SweepBar(plan.name, total=plan.trials(), known=known, unit="trial", mode=plan.mode) as bar,
    ):
        Progress.bar, Progress.lost = bar, []
        try:
            _tuner(task, remembers=remembers, base=base).fit()
        finally:
            Progress.bar = None
        return [(task.point(config), reason) for config, reason in Progress.lost]


def is_missing(outcome: Outcome | None) -> bool:
    """Whether a trial has to be made, or tried again."""
    return outcome is None or outcome.status is Status.RUNNING or outcome.repeatable


def _tuner(task: Task, *, remembers: bool, base: dict[str, Any]) -> tune.Tuner:
    plan, folder = task.plan, task.plan.folder / FOLDER
    resources = {"cpu": base["runtime"]["threads"], "gpu": plan.cluster.gpus_per_trial}
    trainable = tune.with_resources(tune.with_parameters(ConfigurationTrial, task=task), resources)
    by_index = {"index": tune.grid_search(list(range(len(task.points))))} if task.points else {}
    if remembers and tune.Tuner.can_restore(str(folder)):
        return tune.Tuner.restore(
            str(folder),
            trainable=trainable,
            resume_unfinished=True,
            resume_errored=True,
            param_space=by_index,
        )
    shutil.rmtree(folder, ignore_errors=True)
    return tune.Tuner(
        trainable,
        param_space=by_index,
        tune_config=tune.TuneConfig(
            metric=VALUE,
            mode=plan.mode,
            reuse_actors=True,
            search_alg=_searcher(plan),
            scheduler=_scheduler(plan, base["trainer"]["max_epochs"]),
            num_samples=plan.search.trials if isinstance(plan.search, Optuna) else 1,
        ),
        run_config=tune.RunConfig(
            name=FOLDER,
            storage_path=str(plan.folder),
            verbose=0,
            callbacks=[Progress()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=WORKER_FAILURES),
        ),
    )


def _searcher(plan: Plan) -> OptunaSearch | None:
    if not isinstance(plan.search, Optuna):
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=plan.search.seed, n_startup_trials=plan.search.startup_trials, constant_liar=True
    )
    return FailuresAreWorst(space=distributions(plan.axes), metric=VALUE, mode=plan.mode, sampler=sampler)


def _scheduler(plan: Plan, max_epochs: int) -> ASHAScheduler | None:
    if not isinstance(plan.search, Asha):
        return None
    search = plan.search
    # Its own last rung is the trial's end, which reports no epoch: only rungs before the end stop a trial.
    return ASHAScheduler(
        time_attr="epoch", max_t=max_epochs, grace_period=search.grace_epochs, reduction_factor=search.eta
    )
