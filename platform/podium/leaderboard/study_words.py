"""A study in words: numbers with their units, what each comparison says, and what it would take to decide."""

import math
import shlex

from podium.leaderboard.study import Study
from podium.leaderboard.study_comparisons import Bound, Comparison
from podium.leaderboard.study_results import Results, Variant
from podium.leaderboard.study_verdict import Outcome, Verdict
from podium.leaderboard.text import is_error, spoken

MINUS = "\N{MINUS SIGN}"


def scale(study: Study) -> float:
    """What a value is multiplied with to be shown: errors are in per cent."""
    return 100.0 if is_error(study.metric) else 1.0


def axis(study: Study) -> str:
    """The metric with its unit."""
    return f"{measured(study)}, %" if is_error(study.metric) else measured(study)


def measured(study: Study) -> str:
    """The metric for people."""
    if study.measure == "signal":
        return f"{spoken(study.metric)} of the signal"
    words = {
        "train": "Training {}",
        "moved": "Test {} of moved images",
        "features": "Share of {} features",
    }
    split = words.get(study.scored_on, "Test {}")
    return split.format(spoken(study.metric).lower())


def unit(study: Study) -> str:
    """The unit of a difference."""
    if study.scored_on == "features":
        return "share of features"
    return "points" if is_error(study.metric) else spoken(study.metric).lower()


def decimals(study: Study) -> int:
    """How many a value is shown with: losses and squared errors are small numbers."""
    return 2 if is_error(study.metric) or study.measure == "signal" else 4


def shown(study: Study, value: float) -> str:
    """A value of the metric."""
    return "none" if math.isnan(value) else f"{scale(study) * value:.{decimals(study)}f}".replace("-", MINUS)


def signed(study: Study, value: float) -> str:
    """A difference, with its sign."""
    return "none" if math.isnan(value) else f"{scale(study) * value:+.{decimals(study)}f}".replace("-", MINUS)


def interval(study: Study, low: float, high: float) -> str:
    """An interval of the metric; nothing where there is none."""
    return "" if math.isnan(low) else f" ({shown(study, low)} to {shown(study, high)})"


def effect(study: Study, outcome: Outcome) -> str:
    """An effect with its interval and unit."""
    found = outcome.effect
    if math.isnan(found.mean):
        return "no seed in common"
    span = "" if math.isnan(found.low) else f" ({signed(study, found.low)} to {signed(study, found.high)})"
    return f"{signed(study, found.mean)} {unit(study)}{span}"


def p_value(value: float) -> str:
    """A p-value: two digits that count, nothing below a ten-thousandth."""
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def said(study: Study, comparison: Comparison) -> str:
    """What a comparison claims."""
    if isinstance(comparison, Bound):
        side = "at most" if comparison.at_most is not None else "at least"
        sign = " %" if is_error(study.metric) else ""
        return f"{comparison.variant} {side} {scale(study) * comparison.value:g}{sign}"
    if comparison.by is None:
        return f"{comparison.better} better than {comparison.worse}"
    size = f"{scale(study) * abs(comparison.by):g}"
    margin = f"{size} {'point' if size == '1' and is_error(study.metric) else unit(study)}"
    if comparison.by > 0:
        return f"{comparison.better} better than {comparison.worse} by more than {margin}"
    return f"{comparison.better} less than {margin} worse than {comparison.worse}"


def take(results: Results, outcome: Outcome) -> str:
    """What it would take to decide an open comparison; nothing for one that is decided."""
    study = results.study
    if outcome.verdict is not Verdict.UNDECIDED:
        return ""
    name = said(study, outcome.comparison)
    if not outcome.complete:
        missing = len(study.seeds) - outcome.effect.seeds
        return (
            f"{name}: {missing} of {len(study.seeds)} seeds have no value; nothing is claimed without them."
        )
    least = "none" if outcome.detectable is None else f"{shown(study, outcome.detectable)} {unit(study)}"
    need = (
        "more seeds than anybody has"
        if outcome.seeds_needed is None
        else f"about {outcome.seeds_needed} seeds"
    )
    return (
        f"{name}: {outcome.effect.seeds} seeds find effects from {least} on with 80 % power; one as large as the "
        f"observed {shown(study, abs(outcome.effect.mean))} would need {need}."
    )


def answer(results: Results) -> str:
    """The effects that the verdict rests on, in one line."""
    study = results.study
    parts = [f"{said(study, one.comparison)}: {effect(study, one)}" for one in results.outcomes]
    return f"{'; '.join(parts)}."


def run_command(study: Study) -> str:
    """The command that runs the study."""
    return f"podium study run {study.name}"


def members_alone(results: Results, variant: Variant) -> str:
    """The mean of the runs that an ensemble's values are made of, each alone."""
    study, seeds = (
        results.study,
        {seed for group in results.study.seeds_of(variant.name).values() for seed in group},
    )
    own = [
        one for one in results.records if one.entry_hash == variant.candidate.entry_hash and one.seed in seeds
    ]
    found = [(one.metrics or {}).get(study.metric) for one in own]
    values = [value for value in found if value is not None]
    mean = math.fsum(values) / len(values) if values else math.nan
    return f"{shown(study, mean)}{' %' if is_error(study.metric) else ''}, {len(values)} runs"


def apart(study: Study, variant: str) -> str:
    """What sets a variant apart besides its overrides."""
    members = (study.members or {}).get(variant)
    if members is None:
        return "" if study.variants[variant] else "nothing more"
    return f"{members} runs averaged"


def before_command(study: Study) -> str:
    """The command that trains the run before."""
    return shlex.join(["podium", "train", *(study.before or [])])


def members_of(study: Study, variant: str) -> str:
    """The seeds of an ensemble's members, group by group."""
    groups = study.seeds_of(variant).items()
    return "; ".join(f"{seeds[0]} to {seeds[-1]} for seed {seed}" for seed, seeds in groups)


def train_command(results: Results, variant: Variant) -> str:
    """The command that trains a variant's first seed, or the first member of its ensemble."""
    study = results.study if results.before is None else results.study.begun(results.before.folder)
    chosen = [f"{study.choose.key}={variant.candidate.value}"] if study.choose else []
    words = [
        *study.overrides,
        *study.variants[variant.name],
        *chosen,
        f"seed={study.seeds_of(variant.name)[study.seeds[0]][0]}",
    ]
    return shlex.join(["podium", "train", *words])
