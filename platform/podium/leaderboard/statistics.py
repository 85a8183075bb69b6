"""What few seeds can tell: intervals, paired tests with correction, shared ranks, the smallest gap to find.

Seed spread (what another seed would change) and test-set error (what another test set of this size would
change) are never added up. Ranks speak of seeds only: they compare training recipes on this test set.

Intervals: Student's t under fifty seeds; from fifty on, the bias-corrected accelerated bootstrap (Efron, Better
bootstrap confidence intervals, 1987, https://doi.org/10.1080/01621459.1987.10478410), which is too narrow for fewer.
Test-set error: Wilson's interval (1927, https://doi.org/10.1080/01621459.1927.10502953). Correction: Holm (A simple
sequentially rejective multiple test procedure, 1979, https://www.jstor.org/stable/4615733). Follows the papers. What all
of this is worth on simulated boards is in docs/statistics.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats
from statsmodels.stats.proportion import proportion_confint

from podium.leaderboard.pairs import Align, Comparison, Floats, Group, Values, by_seeds, differences, pairs_of

CONFIDENCE = 0.95
POWER = 0.8
MIN_SEEDS = 3  # below, no difference is ever claimed
BOOTSTRAP_FROM = 50  # below, BCa intervals hold the mean too seldom: docs/statistics.md
RESAMPLES = 9999
FLIPS = 99_999  # all sign flips up to 16 seeds, so many drawn ones beyond

Correction = Callable[[Sequence[float]], list[float]]


@dataclass(frozen=True)
class Detectable:
    """The smallest gap that would be found with probability ``power``; null where no claim is possible."""

    gap: float | None
    pairs: int
    seeds: int
    power: float
    spread: float | None


def mean_interval(
    values: Sequence[float], confidence: float = CONFIDENCE, *, bootstrap_from: int = BOOTSTRAP_FROM
) -> tuple[float, float]:
    """The interval of the mean over seeds; (nan, nan) for fewer than two values, since one value has no
    spread.

    Student's t under fifty values, BCa bootstrap (9,999 resamples, fixed generator) from fifty on.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2:
        return math.nan, math.nan
    mean = float(array.mean())
    if bool((array == array[0]).all()):
        return mean, mean
    if len(array) < bootstrap_from:
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
    return float(_paired_ps(np.array([differences(first, second)]), resolution)[0])


def _paired_ps(samples: Floats, resolution: float) -> Floats:
    """The p-values of many pairs with as many common seeds, from differences (pairs, seeds)."""
    count, seeds = samples.shape
    p_values = np.ones(count)
    if seeds < MIN_SEEDS:
        return p_values
    differ = samples.any(axis=1)
    deviations = np.maximum(np.std(samples[differ], axis=1, ddof=1), resolution)
    with np.errstate(divide="ignore"):  # no deviation at all: infinitely sure
        t = np.abs(samples[differ].mean(axis=1)) * math.sqrt(seeds) / deviations
    p_values[differ] = 2 * special.stdtr(seeds - 1, -t)  # twenty times as fast as stats.t.sf
    return p_values


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: the chance of one or more false claims among all pairs stays below alpha.

    As statsmodels' multipletests, which collects garbage at every call: a fifth of a second once torch is loaded.
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given)
    adjusted = np.empty_like(given)
    adjusted[order] = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    found: list[float] = np.minimum(adjusted, 1.0).tolist()
    return found


def compare(
    entries: Sequence[Values],
    *,
    resolution: float,
    correction: Correction = holm,
    align: Align | None = None,
) -> list[Comparison]:
    """Every pair of entries, with p-values corrected over all pairs; what ``align`` has no values for is not tested."""
    pairs = pairs_of(entries, align)
    p_values = np.empty(len(pairs.first))
    for places, samples in pairs.groups:
        p_values[places] = _paired_ps(samples, resolution)
    return pairs.compared(correction(p_values.tolist()))


def sign_flips(
    entries: Sequence[Values], *, alpha: float, correction: Correction = holm, align: Align | None = None
) -> list[Comparison] | None:
    """The pairs of ``compare`` by the paired sign-flip test, which assumes only that a difference and its negative are
    equally likely; null where so few seeds could not pass the correction whatever they show.

    All sign flips up to 16 seeds (exact), 99,999 drawn ones beyond.
    """
    pairs = pairs_of(entries, align)
    count = len(pairs.first)
    if not count or least_flip_p(pairs.fewest_seeds) >= alpha / count:
        return None
    p_values = np.empty(count)
    for places, samples in pairs.groups:
        p_values[places] = stats.permutation_test(
            (samples,),
            np.mean,
            permutation_type="samples",
            n_resamples=FLIPS,
            batch=max(1, 10**7 // samples.size),
            axis=1,
            vectorized=True,
            rng=np.random.default_rng(0),
        ).pvalue
    return pairs.compared(correction(p_values.tolist()))


def least_flip_p(seeds: int) -> float:
    """The smallest p-value that the sign-flip test can give: all differences of one sign."""
    return max(2.0 ** (1 - seeds), 2 / (FLIPS + 1))


def flips_from(pairs: int, *, alpha: float) -> int:
    """The fewest seeds with which the sign-flip test can pass the correction over so many pairs."""
    return math.floor(1 + math.log2(pairs / alpha)) + 1


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
    more), for the typical standard deviation of the paired differences.
    """
    pairs = pairs_of(entries, None)
    count, seeds = tests or len(pairs.first), pairs.fewest_seeds
    if not len(pairs.first) or seeds < MIN_SEEDS:
        return Detectable(gap=None, pairs=count, seeds=seeds, power=POWER, spread=None)
    deviation = max(_typical(pairs.groups), resolution)
    gap = noncentrality(seeds, alpha / count, POWER) * deviation / math.sqrt(seeds)
    return Detectable(gap=gap, pairs=count, seeds=seeds, power=POWER, spread=deviation)


def typical_deviation(samples: Sequence[Sequence[float]]) -> float:
    """The median standard deviation of some samples, each divided by the median that chance gives it at its size.

    The standard deviation of three normal values is in the median 17% below the true one, of five 8%.
    """
    return _typical(by_seeds(samples))


def _typical(groups: Sequence[Group]) -> float:
    found = []
    for _, samples in groups:
        freedom = samples.shape[1] - 1
        found.append(np.std(samples, axis=1, ddof=1) / np.sqrt(stats.chi2.median(freedom) / freedom))
    return float(np.median(np.concatenate(found)))


def noncentrality(seeds: int, alpha: float, power: float) -> float:
    """The shift of the t statistic that a two-sided test finds with that power."""
    critical = float(stats.t.isf(alpha / 2, seeds - 1))

    def short_of_power(shift: float) -> float:
        return float(stats.nct.sf(critical, seeds - 1, shift)) - power

    return float(optimize.brentq(short_of_power, 0.0, 10 * critical + 10))
