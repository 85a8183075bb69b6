"""A study's verdict: every comparison's effect, and whether the claim is supported, contradicted or undecided.

The rule, fixed before anything runs. The effect of a comparison counts positive where it is on the claimed side. It holds
where its corrected p-value is below alpha and its interval is above zero, it fails where the p-value is below alpha and
the interval is below zero, and else it is open; so it is where a planned run has no value. A claim is supported where all
its comparisons hold, contradicted where one fails, and undecided otherwise.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from podium.leaderboard.paired import Contrast, Effect, by_seed, effects
from podium.leaderboard.pairs import Values
from podium.leaderboard.statistics import MIN_SEEDS, POWER, Correction, holm, noncentrality, spread
from podium.leaderboard.study import Study
from podium.leaderboard.study_comparisons import Bound, Comparison

MOST_SEEDS = 10_000  # beyond, a gap is not worth asking for


class Verdict(StrEnum):
    """What the data say of a claim, or of one comparison in it."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Outcome:
    """One comparison: its effect (positive on the claimed side), what it says, and what it would have taken.

    ``complete`` says whether every planned seed has its values; ``deviation`` is that of the effect over seeds, nan under
    two, and ``strictest`` the level of the strictest step of the correction.
    """

    comparison: Comparison
    effect: Effect
    verdict: Verdict
    complete: bool
    deviation: float
    strictest: float

    @property
    def detectable(self) -> float | None:
        """The smallest effect that these seeds find with 80% power; null where none can be found."""
        return detectable(self.effect.seeds, self.deviation, self.strictest)

    @property
    def seeds_needed(self) -> int | None:
        """How many seeds the observed effect would need; null where it has no size or would need more than anybody has."""
        return seeds_needed(abs(self.effect.mean), self.deviation, self.strictest)


def outcomes(
    study: Study, values: Mapping[str, Values], *, resolution: float, correction: Correction = holm
) -> list[Outcome]:
    """Every comparison's outcome, from a value for each variant and seed; missing seeds are missing keys."""
    contrasts = [_contrast(study, comparison, values) for comparison in study.comparisons]
    found = effects(contrasts, resolution=resolution, correction=correction)
    return [
        _outcome(study, comparison, contrast, effect, resolution)
        for comparison, contrast, effect in zip(study.comparisons, contrasts, found, strict=True)
    ]


def verdict(found: Sequence[Outcome]) -> Verdict:
    """What the comparisons say together."""
    said = {outcome.verdict for outcome in found}
    if Verdict.CONTRADICTED in said:
        return Verdict.CONTRADICTED
    return Verdict.SUPPORTED if said == {Verdict.SUPPORTED} else Verdict.UNDECIDED


def _contrast(study: Study, comparison: Comparison, values: Mapping[str, Values]) -> Contrast:
    if isinstance(comparison, Bound):
        own = values[comparison.variant]
        sign = 1.0 if comparison.at_least is not None else -1.0
        return [(sign, own), (-sign, dict.fromkeys(own, comparison.value))]
    sign = 1.0 if study.direction == "max" else -1.0
    contrast = [(sign, values[comparison.better]), (-sign, values[comparison.worse])]
    if comparison.by is None:
        return contrast
    return [*contrast, (-1.0, dict.fromkeys(study.seeds, comparison.by))]


def _outcome(
    study: Study, comparison: Comparison, contrast: Contrast, effect: Effect, resolution: float
) -> Outcome:
    complete = effect.seeds == len(study.seeds)
    sure = complete and effect.p < study.alpha
    if sure and effect.low > 0:
        said = Verdict.SUPPORTED
    elif sure and effect.high < 0:
        said = Verdict.CONTRADICTED
    else:
        said = Verdict.UNDECIDED
    values = list(by_seed(contrast).values())
    return Outcome(
        comparison=comparison,
        effect=effect,
        verdict=said,
        complete=complete,
        deviation=max(spread(values), resolution) if len(values) > 1 else math.nan,
        strictest=study.alpha / len(study.comparisons),
    )


def detectable(seeds: int, deviation: float, alpha: float) -> float | None:
    """The smallest true effect that so many seeds find with 80% power; null under three seeds."""
    if seeds < MIN_SEEDS:
        return None
    return noncentrality(seeds, alpha, POWER) * deviation / math.sqrt(seeds)


def seeds_needed(gap: float, deviation: float, alpha: float) -> int | None:
    """The fewest seeds that find a true effect of this size with 80% power; null for none, or beyond 10,000."""
    if math.isnan(deviation) or not gap > 0:
        return None

    def enough(seeds: int) -> bool:
        least = detectable(seeds, deviation, alpha)
        return least is not None and least <= gap

    low, high = MIN_SEEDS - 1, MIN_SEEDS
    while not enough(high):
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
