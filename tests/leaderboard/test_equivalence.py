"""Two one-sided tests: as a library has them, never sure of too few seeds, and proof takes more than not finding."""

import math

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from podium.leaderboard.equivalence import equivalence, same_value

SETTINGS = {"band": 0.02, "alpha": 0.05, "resolution": 1e-9}


@pytest.mark.parametrize("seed", range(8))
def test_the_verdict_is_that_of_statsmodels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    before, after = generator.normal(0.1, 0.02, (2, 7))
    p, _, _ = ttost_paired(after, before, -0.02, 0.02)
    assert equivalence(list(after - before), **SETTINGS).within is bool(p < 0.05)


def test_both_sides_are_judged() -> None:
    for sign in (1, -1):
        far = equivalence([sign * 0.05 + k / 1000 for k in (0, 1, 2, 3, 4)], **SETTINGS)
        assert far.outside
        assert not far.within


def test_what_straddles_the_band_is_neither() -> None:
    found = equivalence([0.05, -0.05, 0.03, -0.03], **SETTINGS)
    assert not found.within
    assert not found.outside


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [math.nan] * 5], ids=["one", "two", "no_number"])
def test_too_few_seeds_and_no_numbers_prove_nothing(values: list[float]) -> None:
    found = equivalence(values, **SETTINGS)
    assert not found.within
    assert not found.outside


def test_seeds_that_agree_by_chance_are_not_infinitely_sure() -> None:
    assert equivalence([0.0] * 3, **SETTINGS).within
    assert not equivalence([0.0] * 3, band=0.02, alpha=0.05, resolution=1 / 50).within


def test_false_proof_is_as_rare_as_alpha_at_the_edge_of_the_band() -> None:
    generator = np.random.default_rng(0)
    found = [equivalence(list(generator.normal(0.02, 0.01, 5)), **SETTINGS).within for _ in range(2000)]
    assert sum(found) / len(found) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("seeds", "band", "shown"),
    [(5, 0.02, 0.78), (5, 0.01, 0.13), (10, 0.02, 0.99), (10, 0.01, 0.49)],
    ids=["5_wide", "5_narrow", "10_wide", "10_narrow"],
)
def test_an_equal_training_is_shown_to_be_so_as_often_as_the_decision_says(
    seeds: int, band: float, shown: float
) -> None:
    """docs/decisions/0026-badges.md: both trainings have a spread of 0.9 points over seeds, on 1,000 test examples."""
    drawn = np.random.default_rng(0).normal(0, 0.009 * math.sqrt(2), (2000, seeds))
    found = [equivalence(list(one), band=band, alpha=0.05, resolution=1e-3).within for one in drawn]
    assert sum(found) / len(found) == pytest.approx(shown, abs=0.03)


def test_losses_may_differ_in_their_last_bits_and_errors_not() -> None:
    assert same_value("test/loss", 0.3, 0.3 + 1e-12)
    assert not same_value("test/top1_error", 0.3, 0.3 + 1e-12)
    assert same_value("test/loss", math.nan, math.nan)
