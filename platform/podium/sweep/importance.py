"""Which axis mattered: functional ANOVA over the finished configurations.

Hutter, Hoos, Leyton-Brown 2014, https://proceedings.mlr.press/v32/hutter14.html. Follows the paper, in
Optuna's implementation: a random forest is fitted to the configurations' means, and each axis gets the
share of the forest's variance that it explains alone.

Choices go in by their number: over names Optuna's forest takes 2 to the power of their count of steps.

Its limits, also stated on the page: interactions between axes are left out; a share says how much an axis
moved the metric inside the searched space, not which value is good; the forest guesses where nothing was
tried; failed and early-stopped configurations take no part.
"""

from collections.abc import Sequence

from podium.records.record import Status
from podium.sweep.plan import Plan
from podium.sweep.space import Axis, Choice, Range, distributions, to_suggestion
from podium.sweep.trial import Outcome

LEAST = 4  # configurations; fewer say nothing about several axes
SEED = 0
MAX_DEPTH = 8  # of its trees: of 1,000 configurations deeper ones take minutes, and say the same


def importance(plan: Plan, outcomes: Sequence[Outcome]) -> tuple[dict[str, float], str | None]:
    """The share of each axis, largest first, and, where there is none, why."""
    finished = [o for o in outcomes if o.status is Status.FINISHED and o.value is not None]
    if len(finished) < LEAST:
        return {}, f"it needs at least {LEAST} finished configurations, got {len(finished)}"
    if len({o.value for o in finished}) == 1:
        return {}, "all finished configurations have the same value"
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize" if plan.mode == "min" else "maximize")
    axes = [_numbered(axis) for axis in plan.axes]
    space = distributions(axes)
    for outcome in sorted(finished, key=lambda o: o.line):
        study.add_trial(
            optuna.trial.create_trial(
                params=to_suggestion(axes, tuple(outcome.point)),
                distributions=space,
                value=outcome.value,
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(max_depth=MAX_DEPTH, seed=SEED)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {key: float(share) for key, share in sorted(shares.items(), key=lambda kv: (-kv[1], kv[0]))}, None


def _numbered(axis: Axis) -> Axis:
    """An axis of numbers."""
    return Range(axis.key, axis.values) if isinstance(axis, Choice) else axis
