"""What few seeds can tell: intervals, paired tests with correction, shared ranks, the smallest gap to find.

Seed spread (what another seed would change) and test-set error (what another test set of this size would
change) are never added up. Ranks speak of seeds only: they compare training recipes on this test set.

Intervals: Student's t under ten seeds; from ten on, the bias-corrected accelerated bootstrap (Efron, Better
bootstrap confidence intervals, 1987, https://doi.org/10.1080/01621459.1987.10478410). Test-set error:
Wilson's interval (1927, https://doi.org/10.1080/01621459.1927.10502953). Correction: Holm (A simple
sequentially rejective multiple test procedure, 1979, https://www.jstor.org/stable/4615733). Follows the
papers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import optimize, special, stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
POWER = 0.8
MIN_SEEDS = 3  # below, no difference is ever claimed
BOOTSTRAP_FROM = 10
RESAMPLES = 9999

Values = Mapping[int, float]  # seed -> value
Correction = Callable[[Sequence[float]], list[float]]
Align = Callable[
    [int, int], tuple[Values, Values] | None
]  # two entries by position -> over the same replicates


@dataclass(frozen=True)
class Comparison:
    """A pair of entries by position: mean of first minus second, and the p-value after correction."""

    first: int
    second: int
    difference: float
    p: float


@dataclass(frozen=True)
class Detectable:
    """The smallest gap that would be found with probability ``power``; null where no claim is possible."""

    gap: float | None
    pairs: int
    seeds: int
    power: float
    spread: float | None


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of the mean over seeds; (nan, nan) for fewer than two values, since one value has no
    spread.

    Student's t under ten values, BCa bootstrap (9,999 resamples, fixed generator) from ten on.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return math.nan, math.nan
    mean = float(array.mean())
    if bool((array == array[0]).all()):
        return mean, mean
    if len(array) < BOOTSTRAP_FROM:
        half = (
            float(stats.t.ppf((1 + confidence) / 2, len(array) - 1)) * spread(values) / math.sqrt(len(array))
        )
        return mean - half, mean + half
    found = stats.bootstrap(
        (array,),
        np.mean,
        confidence_level=confidence,
        method="BCa",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def fold_interval(values: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of a cross-validated mean; (nan, nan) for fewer than two values.

    Training sets of folds overlap, so their values vary less than those of new data would. Student's t with the
    corrected variance (1/n + 1/(folds - 1)) s^2 of Nadeau and Bengio, Inference for the generalization error, 2003,
    https://doi.org/10.1023/A:1024068626366, where 1/(folds - 1) is the validation part over the training part.
    """
    if len(values) < 2:
        return math.nan, math.nan
    mean = float(np.mean(values))
    scale = math.sqrt(1 / len(values) + 1 / (folds - 1))
    half = float(stats.t.ppf((1 + confidence) / 2, len(values) - 1)) * spread(values) * scale
    return mean - half, mean + half


def spread(values: Sequence[float]) -> float:
    """The standard deviation over seeds (n - 1 in the denominator); nan for fewer than two values."""
    return float(np.std(np.asarray(values, dtype=np.float64), ddof=1)) if len(values) > 1 else math.nan


def wilson_interval(error: float, examples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval of an error that was measured on so many test examples."""
    low, high = proportion_confint(error * examples, examples, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def paired_p(first: Values, second: Values, *, resolution: float) -> float:
    """Two-sided p-value of the paired t-test over the seeds that both have; 1 below three common seeds.

    ``resolution`` is the smallest step of the measure (one test example). The standard deviation of the
    differences is not taken below it: five seeds that happen to differ by the same count would otherwise be
    infinitely sure.
    """
    differences = np.array([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())])
    if len(differences) < MIN_SEEDS or not differences.any():
        return 1.0
    deviation = max(float(np.std(differences, ddof=1)), resolution)
    if deviation == 0.0:
        return 0.0
    t = abs(float(differences.mean())) * math.sqrt(len(differences)) / deviation
    return float(2 * special.stdtr(len(differences) - 1, -t))  # twenty times as fast as stats.t.sf


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: the chance of one or more false claims among all pairs stays below alpha."""
    if not p_values:
        return []
    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def compare(
    entries: Sequence[Values],
    *,
    resolution: float,
    correction: Correction = holm,
    align: Align | None = None,
) -> list[Comparison]:
    """Every pair of entries, with p-values corrected over all pairs; what ``align`` has no values for is not tested."""
    pairs = []
    for i, j in combinations(range(len(entries)), 2):
        if (values := align(i, j) if align else (entries[i], entries[j])) is not None:
            pairs.append((i, j, *values))
    adjusted = correction([paired_p(first, second, resolution=resolution) for _, _, first, second in pairs])
    return [
        Comparison(first=i, second=j, difference=_mean_difference(first, second), p=p)
        for (i, j, first, second), p in zip(pairs, adjusted, strict=True)
    ]


def ranks(comparisons: Sequence[Comparison], count: int, *, alpha: float, direction: str) -> list[int]:
    """1 + the number of entries that are significantly better; untold apart, entries share one."""
    better = [0] * count
    for found in comparisons:
        if found.p < alpha and found.difference != 0:
            first_is_better = (found.difference < 0) == (direction == "min")
            better[found.second if first_is_better else found.first] += 1
    return [1 + n for n in better]


def detectable_gap(
    entries: Sequence[Values], *, resolution: float, alpha: float, tests: int | None = None
) -> Detectable:
    """The smallest true gap between two entries that these seeds would reveal with 80% power, after
    correction.

    At the strictest step of Holm's procedure (alpha divided by the number of pairs, or of ``tests`` where there are
    more), for the median standard deviation of the paired differences.
    """
    pairs = list(combinations(entries, 2))
    count = tests or len(pairs)
    seeds = min((len(first.keys() & second.keys()) for first, second in pairs), default=0)
    if not pairs or seeds < MIN_SEEDS:
        return Detectable(gap=None, pairs=count, seeds=seeds, power=POWER, spread=None)
    deviation = max(float(np.median([_deviation(first, second) for first, second in pairs])), resolution)
    gap = noncentrality(seeds, alpha / count, POWER) * deviation / math.sqrt(seeds)
    return Detectable(gap=gap, pairs=count, seeds=seeds, power=POWER, spread=deviation)


def noncentrality(seeds: int, alpha: float, power: float) -> float:
    """The shift of the t statistic that a two-sided test finds with that power."""
    critical = float(stats.t.isf(alpha / 2, seeds - 1))

    def short_of_power(shift: float) -> float:
        return float(stats.nct.sf(critical, seeds - 1, shift)) - power

    return float(optimize.brentq(short_of_power, 0.0, 10 * critical + 10))


def _mean_difference(first: Values, second: Values) -> float:
    common = sorted(first.keys() & second.keys())
    return float(np.mean([first[seed] - second[seed] for seed in common])) if common else 0.0


def _deviation(first: Values, second: Values) -> float:
    return float(
        np.std([first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())], ddof=1)
    )
