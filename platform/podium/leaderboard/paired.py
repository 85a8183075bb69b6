"""Effects between entries, paired by seed: differences and interactions with intervals and corrected p-values.

A contrast is a weighted sum of entries' values: +1 and -1 give a difference, +1 -1 -1 +1 over (both, first alone, second
alone, neither) an interaction. Each seed gives one value of it, so what seeds have in common drops out, and the values'
mean, interval and test are those of ``statistics``. Intervals are for one contrast; p-values are corrected over all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from podium.leaderboard.pairs import Values
from podium.leaderboard.statistics import CONFIDENCE, Correction, holm, mean_interval, paired_p

Contrast = Sequence[tuple[float, Values]]  # weight, and a value for each seed


@dataclass(frozen=True)
class Effect:
    """A contrast's mean over seeds, its 95% interval (nan under two seeds), and its p-value after correction."""

    mean: float
    low: float
    high: float
    p: float
    seeds: int


def effects(
    contrasts: Sequence[Contrast], *, resolution: float, correction: Correction = holm
) -> list[Effect]:
    """The effect of each contrast over the seeds that all its entries have; under three seeds none is claimed.

    ``resolution`` is the smallest step of the measure (one test example): intervals and tests take no deviation below
    it, so that seeds which happen to agree are not infinitely sure.
    """
    values = [by_seed(contrast) for contrast in contrasts]
    nothing = [dict.fromkeys(each, 0.0) for each in values]
    p_values = [
        paired_p(each, none, resolution=resolution) for each, none in zip(values, nothing, strict=True)
    ]
    return [_effect(each, p, resolution) for each, p in zip(values, correction(p_values), strict=True)]


def by_seed(contrast: Contrast) -> dict[int, float]:
    """The contrast's value at each seed that all its entries have."""
    common = set.intersection(*({*values} for _, values in contrast))
    return {seed: sum(weight * values[seed] for weight, values in contrast) for seed in sorted(common)}


def _effect(values: Values, p: float, resolution: float) -> Effect:
    count = len(values)
    if count == 0:
        return Effect(math.nan, math.nan, math.nan, p, 0)
    mean = math.fsum(values.values()) / count
    low, high = mean_interval(list(values.values()))
    if count > 1:
        least = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * resolution / math.sqrt(count)
        low, high = min(low, mean - least), max(high, mean + least)
    return Effect(mean, low, high, p, count)
