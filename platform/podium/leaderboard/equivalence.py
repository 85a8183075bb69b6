"""When a repeated value is the published one: the same, or proven to be close on both sides.

Two one-sided tests (Schuirmann, A comparison of the two one-sided tests procedure and the power approach, 1987,
https://doi.org/10.1007/BF01068419): a mean difference is shown to lie within a band when its interval of confidence
1 - 2 alpha does. Not to find a difference is no such proof: with few or noisy seeds nothing would ever be found.

Differs from the paper: the standard deviation is not taken below one test example, as in statistics.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from podium.leaderboard.statistics import MIN_SEEDS, spread

LOSS_TOLERANCE = 1e-9  # logarithms differ in their last bits between processors; errors are counts and exact


@dataclass(frozen=True)
class Equivalence:
    """A mean difference, its interval of confidence 1 - 2 alpha, and the band that it is judged by.

    The interval is infinite where the seeds are too few for one.
    """

    difference: float
    low: float
    high: float
    band: float

    @property
    def within(self) -> bool:
        """Whether the difference is shown to lie within the band."""
        return -self.band < self.low and self.high < self.band

    @property
    def outside(self) -> bool:
        """Whether it is shown to lie outside."""
        return self.high < -self.band or self.band < self.low


def equivalence(differences: Sequence[float], *, band: float, alpha: float, resolution: float) -> Equivalence:
    """Judge paired differences over seeds; ``resolution`` is the smallest step of the measure (one test example)."""
    mean = math.fsum(differences) / len(differences)
    if len(differences) < MIN_SEEDS or not math.isfinite(mean):
        return Equivalence(mean, -math.inf, math.inf, band)
    deviation = max(spread(differences), resolution)
    quantile = float(stats.t.ppf(1 - alpha, len(differences) - 1))
    half = quantile * deviation / math.sqrt(len(differences))
    return Equivalence(mean, mean - half, mean + half, band)


def same_value(name: str, before: float, after: float) -> bool:
    """Whether a metric that was computed again from the same predictions is the same."""
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) and math.isnan(after)
    tolerance = LOSS_TOLERANCE if name.endswith("/loss") else 0.0
    return before == after or abs(before - after) <= tolerance * abs(after)
