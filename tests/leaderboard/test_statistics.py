import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from podium.leaderboard.statistics import (
    compare,
    detectable_gap,
    flips_from,
    holm,
    least_flip_p,
    mean_interval,
    noncentrality,
    paired_p,
    ranks,
    sign_flips,
    spread,
    typical_deviation,
    wilson_interval,
)

EXAMPLES = 360
BOARDS, ENTRIES, SEEDS = 300, 12, 5


def by_seed(values):
    return dict(enumerate(values))


def test_the_interval_under_ten_seeds_is_students():
    values = [0.02, 0.03, 0.025, 0.022, 0.031]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    for seeds, least in ((3, 0.93), (5, 0.93), (9, 0.93)):
        covered = [
            low <= 1.0 <= high
            for low, high in (mean_interval(generator.normal(1.0, 0.2, seeds).tolist()) for _ in range(600))
        ]
        assert least <= np.mean(covered) <= 0.97


def test_from_fifty_seeds_on_the_interval_is_the_bootstrap_and_always_the_same():
    values = np.random.default_rng(1).exponential(0.02, 50).tolist()
    low, high = mean_interval(values)
    assert (low, high) == mean_interval(values)
    assert low < np.mean(values) < high
    student = stats.t.interval(0.95, 49, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) != pytest.approx(student, rel=1e-3)


def test_ten_seeds_are_too_few_for_the_bootstrap():
    """Why the threshold is where it is: Student's t holds the mean as often as it says, BCa at ten seeds does not."""
    generator = np.random.default_rng(4)
    samples = generator.normal(1.0, 0.2, (400, 10)).tolist()
    student, bootstrap = (
        np.mean([low <= 1.0 <= high for low, high in bounds])
        for bounds in (map(mean_interval, samples), [mean_interval(s, bootstrap_from=10) for s in samples])
    )
    assert student >= 0.93 > bootstrap


def test_one_seed_has_no_interval_and_no_spread():
    assert all(math.isnan(bound) for bound in mean_interval([0.5]))
    assert math.isnan(spread([0.5]))


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.5] * 5) == (0.5, 0.5)
    assert mean_interval([0.5] * 60) == (0.5, 0.5)


def test_the_test_set_interval_is_wilsons():
    expected = stats.binomtest(9, 360).proportion_ci(method="wilson")
    assert wilson_interval(9 / 360, 360) == pytest.approx((expected.low, expected.high))
    assert wilson_interval(0.0, 360)[0] == 0.0


def test_the_paired_test_is_scipys():
    first, second = [0.5, 0.7, 0.6, 0.9, 0.4], [0.3, 0.6, 0.2, 0.7, 0.3]
    expected = stats.ttest_rel(first, second).pvalue
    assert paired_p(by_seed(first), by_seed(second), resolution=0.0) == pytest.approx(expected)


def test_only_common_seeds_are_paired():
    first = {0: 0.5, 1: 0.7, 2: 0.6, 3: 0.9, 9: 0.0}
    second = {0: 0.3, 1: 0.6, 2: 0.2, 3: 0.7, 8: 1.0}
    shared = [{k: v for k, v in values.items() if k < 4} for values in (first, second)]
    assert paired_p(first, second, resolution=0.0) == paired_p(*shared, resolution=0.0)


def test_identical_entries_differ_in_nothing():
    values = by_seed([0.1, 0.2, 0.3, 0.2, 0.1])
    assert paired_p(values, values, resolution=1 / EXAMPLES) == 1.0


def test_one_or_two_seeds_never_support_a_claim():
    for seeds in (1, 2):
        assert paired_p(by_seed([0.0] * seeds), by_seed([1.0] * seeds), resolution=0.0) == 1.0


def test_equal_differences_of_one_test_example_are_no_proof_but_large_ones_are():
    step = 1 / EXAMPLES
    base = np.array([9, 10, 8, 11, 9]) * step
    assert paired_p(by_seed(base), by_seed(base + step), resolution=step) > 0.05
    assert paired_p(by_seed(base), by_seed(base + 30 * step), resolution=step) < 1e-5
    assert paired_p(by_seed([1, 1, 1]), by_seed([2, 2, 2]), resolution=0.0) == 0.0


def test_holm_steps_down_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    drawn = np.random.default_rng(10).random(40) ** 3
    drawn[:4] = drawn[4]
    assert holm(drawn.tolist()) == multipletests(drawn, method="holm")[1].tolist()


def test_the_rank_is_one_more_than_the_number_of_significantly_better_entries():
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.001, (4, 5))
    entries = [by_seed(mean + row) for mean, row in zip((0.01, 0.012, 0.05, 0.2), noise, strict=True)]
    found = compare(entries, resolution=1 / EXAMPLES)
    assert ranks(found, 4, alpha=0.05, direction="min") == [1, 1, 3, 4]
    assert ranks(found, 4, alpha=0.05, direction="max") == [3, 3, 2, 1]


def simulated_boards():
    """Boards on which every entry is the same method: errors are counts, and seeds differ in luck."""
    generator = np.random.default_rng(7)
    for _ in range(BOARDS):
        luck = generator.normal(0.025, 0.004, (1, SEEDS)).clip(0.005)
        errors = generator.binomial(EXAMPLES, np.repeat(luck, ENTRIES, axis=0)) / EXAMPLES
        yield [by_seed(row.tolist()) for row in errors]


@pytest.fixture(scope="module")
def false_claims():
    """The share of simulated boards with one or more false claims, with and without correction."""
    claims = {"holm": 0, "none": 0}
    for entries in simulated_boards():
        for name, correction in (("holm", holm), ("none", list)):
            found = compare(entries, resolution=1 / EXAMPLES, correction=correction)
            claims[name] += any(rank > 1 for rank in ranks(found, ENTRIES, alpha=0.05, direction="min"))
    return {name: count / BOARDS for name, count in claims.items()}


def test_identical_methods_are_told_apart_on_at_most_five_in_a_hundred_boards(false_claims):
    assert false_claims["holm"] <= 0.05


def test_without_correction_most_boards_would_make_a_false_claim(false_claims):
    assert false_claims["none"] > 0.5


def test_without_the_floor_of_one_test_example_equal_counts_would_be_taken_for_proof():
    with_floor = without_floor = 0
    generator = np.random.default_rng(3)
    for _ in range(BOARDS):
        errors = generator.binomial(EXAMPLES, 0.002, (ENTRIES, 3)) / EXAMPLES
        entries = [by_seed(row.tolist()) for row in errors]
        for resolution in (1 / EXAMPLES, 0.0):
            found = any(c.p < 0.05 for c in compare(entries, resolution=resolution))
            with_floor += found and resolution > 0
            without_floor += found and resolution == 0
    assert with_floor / BOARDS <= 0.05 < without_floor / BOARDS


def test_the_smallest_detectable_gap_is_found_four_times_in_five():
    generator = np.random.default_rng(5)
    pairs = 10
    gap = noncentrality(SEEDS, 0.05 / pairs, 0.8) * 0.004 / math.sqrt(SEEDS)
    found = 0
    for _ in range(2000):
        difference = by_seed(generator.normal(gap, 0.004, SEEDS))
        found += paired_p(difference, by_seed([0.0] * SEEDS), resolution=0.0) < 0.05 / pairs
    assert 0.77 < found / 2000 < 0.83


def test_the_power_agrees_with_statsmodels():
    effect = TTestPower().solve_power(nobs=5, alpha=0.05 / 66, power=0.8)
    assert noncentrality(5, 0.05 / 66, 0.8) / math.sqrt(5) == pytest.approx(effect, rel=1e-3)


def test_more_seeds_find_smaller_gaps_and_too_few_find_none():
    generator = np.random.default_rng(2)
    gaps = []
    for seeds in (3, 5, 9):
        entries = [by_seed(generator.normal(0.1, 0.01, seeds)) for _ in range(6)]
        gaps.append(detectable_gap(entries, resolution=0.001, alpha=0.05).gap)
    assert gaps == sorted(gaps, reverse=True)
    few = [by_seed([0.1, 0.2]) for _ in range(3)]
    assert detectable_gap(few, resolution=0.001, alpha=0.05).gap is None
    assert detectable_gap([], resolution=0.001, alpha=0.05).gap is None


def test_three_seeds_do_not_make_the_detectable_gap_look_smaller_than_it_is():
    """The control: the plain median of their standard deviations is 17% below the true one."""
    samples = np.random.default_rng(6).normal(0, 1, (4000, 3))
    assert typical_deviation(samples.tolist()) == pytest.approx(1, rel=0.03)
    assert np.median(samples.std(axis=1, ddof=1)) < 0.87


def exact_flips(differences):
    """Every sign, one by one."""
    sums = [
        sum(np.multiply(signs, differences)) for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    return np.mean([abs(one) >= abs(sum(differences)) - 1e-12 for one in sums])


def test_the_sign_flip_test_counts_all_signs():
    generator = np.random.default_rng(8)
    first, second = generator.normal([[1.0], [0.0]], 1.0, (2, 9))
    (found,) = sign_flips([by_seed(first), by_seed(second)], alpha=0.05)
    assert found.p == pytest.approx(exact_flips(first - second))
    assert found.difference == pytest.approx(np.mean(first - second))


@pytest.mark.parametrize("pairs", [1, 3, 6, 66])
def test_sign_flips_are_made_from_the_seeds_on_that_can_pass_the_correction(pairs):
    entries = round((1 + math.sqrt(1 + 8 * pairs)) / 2)
    enough = flips_from(pairs, alpha=0.05)
    assert least_flip_p(enough) * pairs < 0.05 <= least_flip_p(enough - 1) * pairs
    apart = [[by_seed([float(k)] * seeds) for k in range(entries)] for seeds in (enough, enough - 1)]
    assert all(found.p < 0.05 for found in sign_flips(apart[0], alpha=0.05))
    assert sign_flips(apart[1], alpha=0.05) is None
    assert sign_flips([], alpha=0.05) is None


def test_more_than_sixteen_seeds_are_flipped_at_random_but_always_alike():
    first, second = np.random.default_rng(9).normal(0.0, 1.0, (2, 20))
    entries = [by_seed(first), by_seed(second)]
    (found,) = sign_flips(entries, alpha=0.05)
    assert sign_flips(entries, alpha=0.05) == [found]
    assert found.p == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.02)
