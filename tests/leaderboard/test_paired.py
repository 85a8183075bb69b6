import math

import numpy as np
import pytest
from scipy import stats

from podium.leaderboard.paired import by_seed, effects


def values(*numbers):
    return dict(enumerate(numbers))


def test_a_difference_is_the_paired_t_test():
    draw = np.random.default_rng(0)
    a, b = draw.normal(0.1, 0.01, 6), draw.normal(0.12, 0.01, 6)
    (found,) = effects([[(1.0, values(*a)), (-1.0, values(*b))]], resolution=0.0)
    expected = stats.ttest_rel(a, b)
    low, high = expected.confidence_interval(0.95)
    assert found.mean == pytest.approx((a - b).mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.seeds == 6


def test_an_interaction_is_what_two_do_beyond_the_sum_of_each():
    neither, first, second = values(10.0, 11, 12, 13), values(8.0, 9, 10, 11), values(9.0, 10, 11, 12)
    both = values(4.0, 5, 6, 7.5)
    contrast = [(1.0, both), (-1.0, first), (-1.0, second), (1.0, neither)]
    assert by_seed(contrast) == values(-3.0, -3.0, -3.0, -2.5)
    (found,) = effects([contrast], resolution=0.0)
    assert found.mean == pytest.approx(-2.875)
    assert found.high < 0


def test_only_seeds_that_all_have_count():
    (found,) = effects([[(1.0, {0: 1.0, 1: 2.0, 2: 5.0}), (-1.0, {1: 1.0, 2: 1.0, 3: 9.0})]], resolution=0.1)
    assert (found.mean, found.seeds, found.p) == (2.5, 2, 1.0)
    (found,) = effects([[(1.0, {0: 1.0}), (-1.0, {1: 1.0})]], resolution=0.1)
    assert math.isnan(found.mean)
    assert (found.seeds, found.p) == (0, 1.0)


def test_one_seed_has_no_interval():
    (found,) = effects([[(1.0, {0: 1.0}), (-1.0, {0: 0.5})]], resolution=0.1)
    assert found.mean == 0.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)


@pytest.mark.parametrize(("resolution", "sure"), [(0.0, True), (0.01, False)])
def test_seeds_that_agree_are_not_infinitely_sure(resolution, sure):
    contrast = [(1.0, values(0.51, 0.51, 0.51)), (-1.0, values(0.5, 0.5, 0.5))]
    (found,) = effects([contrast], resolution=resolution)
    assert (found.p < 0.05) is sure
    assert (found.low > 0) is sure


def test_p_values_are_corrected_over_all():
    draw = np.random.default_rng(1)
    pairs = [[(1.0, values(*draw.normal(0, 1, 5))), (-1.0, values(*draw.normal(1, 1, 5)))] for _ in range(4)]
    alone = [effects([pair], resolution=0.0)[0].p for pair in pairs]
    together = [found.p for found in effects(pairs, resolution=0.0)]
    assert min(together) == pytest.approx(min(1.0, 4 * min(alone)))
    assert all(corrected >= p for corrected, p in zip(together, alone, strict=True))
