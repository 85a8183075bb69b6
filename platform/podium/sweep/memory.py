"""What a search was told, in a file: whatever ends the driver, the same command decides as if nothing had happened.

Optuna's journal holds every configuration, every report from a rung and every outcome. Whether a trial goes on, and which
configuration comes next, depend on that file and the seed alone. Nothing here imports Ray.

- Successive halving: Li et al. 2020, https://arxiv.org/abs/1810.05934. Differs from the paper, as Optuna's does: a trial
  that is stopped never begins again, and among fewer than eta only the best goes on.
- Hyperband: Li et al. 2018, https://jmlr.org/papers/v18/16-558.html. Differs from the paper, as Optuna's does: its
  brackets are filled at random, in the paper's proportions, and do not wait for one another.
- Median stopping: Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043. Differs from the paper, as Optuna's does:
  the best value so far against the median of the finished trials at that epoch, not of their running means.
- Tree-structured Parzen estimator: Bergstra et al. 2011; with two aims Ozaki et al. 2020, https://doi.org/10.1145/3377930.3389817.
"""

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from podium.run.errors import ConfigError
from podium.sweep.plan import Plan
from podium.sweep.settings import Asha, Hyperband, Median, Pareto, Remembers, Rungs
from podium.sweep.space import Point, distributions, from_suggestion

JOURNAL = "search.log"
STUDY = "search"  # its name takes part in hyperband's choice of brackets, so it is the same for every sweep


class Source(Protocol):
    """Where the configurations of a sweep come from, and what hears how they do."""

    def ask(self) -> tuple[int, Point] | None:
        """The number and the point of the next trial; null when there is none left."""

    def report(self, number: int, epochs: int, value: float) -> bool:
        """A trial reached a rung; whether it has to stop there."""

    def tell(self, number: int, values: Sequence[float]) -> None:
        """A trial came to its end; without finite values it failed."""

    def lose(self, number: int) -> None:
        """A trial lost its worker for good."""

    def waits(self) -> bool:
        """Whether there will be more trials once those under way are over, though there is none now."""

    def open(self) -> int:
        """How many trials are not over."""

    def stopped(self) -> set[Point]:
        """The points that were stopped early."""


class Listed:
    """Points that are known beforehand, one after the other; none is stopped."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._left = list(enumerate(points))[::-1]

    def ask(self) -> tuple[int, Point] | None:
        """The next of the list."""
        return self._left.pop() if self._left else None

    def report(self, number: int, epochs: int, value: float) -> bool:
        """There are no rungs."""
        return False

    def tell(self, number: int, values: Sequence[float]) -> None:
        """Nothing depends on it."""

    def lose(self, number: int) -> None:
        """The next command tries it again."""

    def waits(self) -> bool:
        """Nothing depends on those under way."""
        return False

    def open(self) -> int:
        """Those that were not asked for; the others go to their end."""
        return len(self._left)

    def stopped(self) -> set[Point]:
        """None ever is."""
        return set()


class Memory:
    """A search that depends on what happened before.

    Trials that were under way when the driver ended come first, then new ones.

    Raises:
        ConfigError: the journal is damaged.
    """

    def __init__(self, plan: Plan, *, max_epochs: int) -> None:
        assert isinstance(plan.search, Remembers)
        self._plan = plan
        self._search: Remembers = plan.search
        self._points = plan.points()
        self._space = {} if self._points else distributions(plan.axes)
        self._study = _study(plan, self._search, max_epochs)
        trials = self._study.get_trials(deepcopy=False)
        self._again = iter([trial.number for trial in trials if not trial.state.is_finished()])
        self._asked = len(trials)

    def ask(self) -> tuple[int, Point] | None:
        """The next trial that is not over; a new one is made of the seed, its number and the outcomes so far."""
        number = next(self._again, None)
        if number is None:
            if self._asked == self._plan.trials():
                return None
            number, self._asked = self._asked, self._asked + 1
            self._study.sampler = _sampler(self._search, number)
            self._study.ask(self._space)
        return number, self._point(number)

    def report(self, number: int, epochs: int, value: float) -> bool:
        """A trial's mean at a rung. What was decided at a rung stays decided when the trial comes there again."""
        import optuna

        frozen = self._trial(number)
        if frozen.state.is_finished() or (frozen.last_step or 0) > epochs:
            return bool(frozen.state == optuna.trial.TrialState.PRUNED)
        trial = optuna.trial.Trial(self._study, frozen._trial_id)
        if frozen.last_step != epochs:
            trial.report(value, epochs)
        stops: bool = trial.should_prune()
        if stops:
            self._study.tell(number, state=optuna.trial.TrialState.PRUNED)
        return stops

    def tell(self, number: int, values: Sequence[float]) -> None:
        """A trial's outcome. One without finite values counts as cut short, which ranks behind any that has one.

        What Optuna calls failed teaches its estimator nothing: it would go on suggesting what diverges.
        """
        from optuna.trial import TrialState

        lacks = not all(math.isfinite(value) for value in values)
        state = TrialState.PRUNED if lacks else TrialState.COMPLETE
        self._study.tell(number, None if lacks else values, state=state, skip_if_finished=True)

    def lose(self, number: int) -> None:
        """It is not told of: the next command tries it again."""

    def waits(self) -> bool:
        """A new one can always be made of what is known."""
        return False

    def open(self) -> int:
        """How many trials were not told of, or not even asked for."""
        trials = self._study.get_trials(deepcopy=False)
        return self._plan.trials() - len([trial for trial in trials if trial.state.is_finished()])

    def stopped(self) -> set[Point]:
        """The points that were stopped at a rung."""
        import optuna

        trials = self._study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.PRUNED])
        return {self._point(trial.number) for trial in trials if trial.last_step is not None}

    def _trial(self, number: int) -> Any:
        return self._study.get_trials(deepcopy=False)[number]

    def _point(self, number: int) -> Point:
        return (
            self._points[number]
            if self._points
            else from_suggestion(self._plan.axes, self._trial(number).params)
        )


def _study(plan: Plan, search: Remembers, max_epochs: int) -> Any:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = plan.folder / JOURNAL
    plan.folder.mkdir(parents=True, exist_ok=True)
    mend(path)
    minimize, maximize = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
    aim = minimize if plan.mode == "min" else maximize
    try:
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(JournalFileBackend(str(path))),
            study_name=STUDY,
            load_if_exists=True,
            directions=[aim, minimize] if isinstance(search, Pareto) else [aim],
            pruner=_pruner(search, max_epochs),
        )
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"{path} must be the journal of a search, got {' '.join(str(error).split())}; delete it: finished "
            "runs are found again"
        ) from None


def mend(path: Path) -> None:
    """Take away what a killed process, or a full disk, left behind: half a line, and the lock of the journal."""
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink()
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)


def _pruner(search: Remembers, max_epochs: int) -> Any:
    from optuna import pruners

    match search:
        case Asha(grace_epochs=grace, eta=eta):
            return pruners.SuccessiveHalvingPruner(min_resource=grace, reduction_factor=eta)
        case Hyperband(grace_epochs=grace, eta=eta):
            return pruners.HyperbandPruner(min_resource=grace, max_resource=max_epochs, reduction_factor=eta)
        case Median(startup_trials=startup, grace_epochs=grace):
            return pruners.MedianPruner(n_startup_trials=startup, n_warmup_steps=grace)
        case _:
            return pruners.NopPruner()


def _sampler(search: Remembers, number: int) -> Any:
    """A sampler that has drawn nothing yet, so that a suggestion does not depend on which process makes it."""
    from optuna import samplers

    seed = zlib.crc32(f"{search.seed}/{number}".encode())
    if isinstance(search, Rungs):
        return samplers.RandomSampler(seed=seed)  # its points are known; it draws nothing
    return samplers.TPESampler(seed=seed, n_startup_trials=search.startup_trials, constant_liar=True)
