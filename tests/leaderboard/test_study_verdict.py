import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from leaderboard.study_cases import make_study
from podium.leaderboard.study_verdict import Verdict, detectable, outcomes, seeds_needed, verdict

ALPHA = 0.05
FIRST_BEATS_ALL = [{"better": "a", "worse": name} for name in "bcdef"]
LARGE = {name: [] for name in "abcdef"}


def by_seed(values):
    return dict(enumerate(values))


def judge(study, values, **settings):
    found = outcomes(
        study, {name: by_seed(each) for name, each in values.items()}, resolution=0.0, **settings
    )
    return verdict(found), found


GOOD, BAD = [0.10, 0.11, 0.10, 0.12, 0.11], [0.20, 0.22, 0.21, 0.20, 0.21]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (GOOD, BAD, Verdict.SUPPORTED),
        (BAD, GOOD, Verdict.CONTRADICTED),
        (GOOD, [0.11, 0.10, 0.11, 0.11, 0.12], Verdict.UNDECIDED),
        (GOOD, GOOD, Verdict.UNDECIDED),
        (GOOD, BAD[:4], Verdict.UNDECIDED),  # a seed is missing
    ],
)
def test_a_difference_is_judged_by_its_side(a, b, expected):
    assert judge(make_study(), {"a": a, "b": b})[0] is expected


@pytest.mark.parametrize(
    ("a", "b", "by", "expected"),
    [
        (GOOD, BAD, 0.05, Verdict.SUPPORTED),
        (GOOD, BAD, 0.15, Verdict.CONTRADICTED),
        (GOOD, GOOD, -0.01, Verdict.SUPPORTED),
        (BAD, GOOD, -0.01, Verdict.CONTRADICTED),
        (BAD, GOOD, -0.2, Verdict.SUPPORTED),
    ],
)
def test_a_difference_with_a_margin_is_judged_by_the_margin(a, b, by, expected):
    study = make_study(comparisons=[{"better": "a", "worse": "b", "by": by}])
    assert judge(study, {"a": a, "b": b})[0] is expected


def test_no_worse_is_nothing_that_a_difference_without_a_margin_could_show():
    study = make_study(comparisons=[{"better": "a", "worse": "b"}])
    assert judge(study, {"a": GOOD, "b": GOOD})[0] is Verdict.UNDECIDED


def test_more_is_better_where_the_direction_says_so():
    study = make_study(direction="max", metric="test/mean_iou")
    assert judge(study, {"a": BAD, "b": GOOD})[0] is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({"at_most": 0.15}, Verdict.SUPPORTED),
        ({"at_least": 0.15}, Verdict.CONTRADICTED),
        ({"at_least": 0.05}, Verdict.SUPPORTED),
        ({"at_most": 0.05}, Verdict.CONTRADICTED),
        ({"at_most": 0.11}, Verdict.UNDECIDED),
    ],
)
def test_a_bound_is_judged_by_its_side(bound, expected):
    study = make_study(variants={"a": []}, comparisons=[{"variant": "a", **bound}])
    said, (found,) = judge(study, {"a": GOOD})
    assert said is expected
    (number,) = bound.values()
    assert abs(found.effect.mean) == pytest.approx(abs(np.mean(GOOD) - number))


def test_values_that_all_agree_are_not_infinitely_sure_at_the_bound():
    study = make_study(variants={"a": []}, comparisons=[{"variant": "a", "at_least": 0.9}])
    values = {"a": by_seed([0.9] * 5)}
    assert verdict(outcomes(study, values, resolution=0.001)) is Verdict.UNDECIDED


def test_all_comparisons_must_hold_and_one_that_fails_contradicts():
    study = make_study(
        variants={"a": [], "b": [], "c": []},
        comparisons=[{"better": "a", "worse": "b"}, {"better": "a", "worse": "c"}],
    )
    assert judge(study, {"a": GOOD, "b": BAD, "c": BAD})[0] is Verdict.SUPPORTED
    assert judge(study, {"a": GOOD, "b": BAD, "c": GOOD})[0] is Verdict.UNDECIDED
    assert judge(study, {"a": GOOD, "b": BAD, "c": [0.01, 0.02, 0.01, 0.02, 0.01]})[0] is Verdict.CONTRADICTED


def simulated(draw, seeds):
    """Six variants of which none is better; seeds have something in common."""
    common = draw.normal(0, 1, seeds)
    return {name: (0.3 + 0.02 * (common + draw.normal(0, 1, seeds))).tolist() for name in "abcdef"}


def decided(correction_of, times=300, seeds=5):
    study = make_study(variants=LARGE, comparisons=FIRST_BEATS_ALL, seeds=list(range(seeds)))
    draw = np.random.default_rng(0)
    said = [judge(study, simulated(draw, seeds), **correction_of)[0] for _ in range(times)]
    return {each: said.count(each) / times for each in Verdict}


def test_identical_variants_are_judged_in_at_most_alpha_of_studies():
    shares = decided({})
    assert shares[Verdict.SUPPORTED] <= ALPHA
    assert shares[Verdict.CONTRADICTED] <= ALPHA
    assert shares[Verdict.SUPPORTED] + shares[Verdict.CONTRADICTED] <= ALPHA


def test_without_correction_identical_variants_would_be_contradicted_too_often():
    shares = decided({"correction": list})
    assert shares[Verdict.CONTRADICTED] > ALPHA


def test_a_single_comparison_of_identical_variants_is_supported_in_at_most_half_of_alpha():
    study, draw = make_study(), np.random.default_rng(1)
    said = [
        judge(study, {"a": draw.normal(0.3, 0.02, 5), "b": draw.normal(0.3, 0.02, 5)})[0] for _ in range(400)
    ]
    assert 0 < said.count(Verdict.SUPPORTED) / 400 <= ALPHA / 2 + 2 * math.sqrt(0.025 / 400)
    assert 0 < said.count(Verdict.CONTRADICTED) / 400 <= ALPHA / 2 + 2 * math.sqrt(0.025 / 400)


@pytest.mark.parametrize(("gap", "alpha"), [(1.0, 0.05), (0.4, 0.025), (2.0, 0.01)])
def test_the_seeds_needed_are_those_of_the_power_of_a_paired_t_test(gap, alpha):
    found = seeds_needed(gap, 1.0, alpha)
    power = TTestPower()
    assert power.power(effect_size=gap, nobs=found, alpha=alpha) >= 0.799
    assert found == 3 or power.power(effect_size=gap, nobs=found - 1, alpha=alpha) < 0.801
    assert detectable(found, 1.0, alpha) <= gap


@pytest.mark.parametrize(("gap", "deviation"), [(0.0, 1.0), (1e-6, 1.0), (math.nan, 1.0), (1.0, math.nan)])
def test_no_number_of_seeds_is_named_where_none_would_do(gap, deviation):
    assert seeds_needed(gap, deviation, 0.05) is None


def test_nothing_is_detectable_with_two_seeds():
    assert detectable(2, 1.0, 0.05) is None
