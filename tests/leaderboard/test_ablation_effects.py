"""Known worths are found, a known nothing is not; with a protection switched off the same check fails."""

import numpy as np
import pytest
from scipy import stats

from leaderboard.ablations import make, make_ablation, noise
from podium.leaderboard.ablation import Kind
from podium.leaderboard.ablation_effects import (
    INCOMPLETE,
    ONLY_TOGETHER,
    answer,
    resolution,
    smallest,
    verdict,
)
from podium.records.record import Status


def additive(names, seed):
    """mixup takes 3 points away, cutout adds 4, flip does nothing."""
    return 0.2 - 0.03 * ("mixup" in names) + 0.04 * ("cutout" in names) + noise(names, seed, 0.002)


def only_together(names, seed):
    """mixup and cutout do nothing alone, and take 5 points away together."""
    return 0.2 - 0.05 * ({"mixup", "cutout"} <= names) + noise(names, seed, 0.001)


def overlapping(names, seed):
    """Either takes 5 points away, and both no more than one."""
    return 0.2 - 0.05 * bool({"mixup", "cutout"} & names) + noise(names, seed, 0.001)


def told(table, **more):
    found = answer(table, **more)
    return {(one.question.kind, *(f.partition(".")[2] for f in one.question.factors)): one for one in found}


@pytest.mark.parametrize(("mode", "kind"), [("leave_one_out", Kind.LEFT_OUT), ("add_one", Kind.ALONE)])
def test_a_known_worth_is_found_and_a_known_nothing_is_not(mode, kind):
    found = told(make(make_ablation(modes=[mode]), additive))
    assert {key[1]: one.claim for key, one in found.items()} == {"mixup": 1, "cutout": -1, "flip": 0}
    assert found[kind, "mixup"].effect.mean == pytest.approx(0.03, abs=0.004)
    assert found[kind, "cutout"].effect.mean == pytest.approx(-0.04, abs=0.004)
    one = found[kind, "mixup"].effect
    assert one.low < one.mean < one.high


def test_a_worth_is_the_paired_difference_the_right_way_round():
    table = make(make_ablation(), lambda names, seed: 0.3 + noise(names, seed, 0.02))
    errors = {
        row.entry.key: np.array([record.metrics["validation/top1_error"] for record in row.finished])
        for row in table.rows
    }
    expected = stats.ttest_rel(errors["without_mixup"], errors["all"])
    one = told(table)[Kind.LEFT_OUT, "mixup"].effect
    assert one.mean == pytest.approx((errors["without_mixup"] - errors["all"]).mean())
    assert (one.low, one.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_of_a_score_more_is_better():
    def score(names, seed):
        return 0.5 + 0.03 * ("mixup" in names) + noise(names, seed, 0.002)

    found = told(make(make_ablation(direction="max"), score))
    assert (found[Kind.LEFT_OUT, "mixup"].claim, found[Kind.LEFT_OUT, "cutout"].claim) == (1, 0)
    assert told(make(make_ablation(direction="min"), score))[Kind.LEFT_OUT, "mixup"].claim == -1


def test_pairing_by_seed_finds_what_the_spread_of_seeds_would_hide():
    def paired(names, seed):
        return 0.3 + 0.06 * seed - 0.02 * ("mixup" in names) + noise(names, seed, 0.001)

    def shuffled(names, seed):  # the same values, but each variation's seeds stand in an order of their own
        other = int(
            np.random.default_rng([len(names), *"".join(sorted(names)).encode()]).permutation(5)[seed]
        )
        return paired(names, other)

    board = make_ablation(modes=["add_one"])
    assert told(make(board, paired))[Kind.ALONE, "mixup"].claim == 1
    assert told(make(board, shuffled))[Kind.ALONE, "mixup"].claim == 0


def test_two_that_work_only_together_are_found():
    answers = answer(make(make_ablation(modes=["pairwise"]), only_together))
    says = {
        tuple(f.partition(".")[2] for f in one.question.factors): verdict(one, answers) for one in answers
    }
    assert says["mixup", "cutout"] == ONLY_TOGETHER
    assert says["mixup", "flip"] == says["cutout", "flip"] == "no interaction found"
    assert says["mixup",] == says["cutout",] == "not told apart from nothing"


def test_two_that_overlap_are_found():
    answers = answer(make(make_ablation(modes=["pairwise"]), overlapping))
    pair = next(one for one in answers if len(one.question.factors) == 2)
    assert verdict(pair, answers) == "less together than apart"
    assert pair.effect.mean == pytest.approx(-0.05, abs=0.003)
    assert pair.together.mean == pytest.approx(0.05, abs=0.003)


def test_additive_worths_have_no_interaction():
    found = told(make(make_ablation(modes=["pairwise"]), additive))
    assert {one.claim for key, one in found.items() if key[0] is Kind.PAIR} == {0}


def test_both_lists_give_the_interaction_with_all_others():
    found = told(make(make_ablation(modes=["leave_one_out", "add_one"]), only_together))
    assert [found[Kind.COMPANY, name].claim for name in ("mixup", "cutout", "flip")] == [1, 1, 0]
    assert found[Kind.COMPANY, "mixup"].effect.mean == pytest.approx(
        found[Kind.LEFT_OUT, "mixup"].effect.mean - found[Kind.ALONE, "mixup"].effect.mean
    )


def by_chance(names, seed):
    """Of six tricks the first happens to look good at every seed: p is 0.02 for it alone."""
    return (
        0.3 - ("t0" in names) * [0.06, 0.02, 0.05, 0.01, 0.04][seed] + noise(frozenset(names - {"t0"}), seed)
    )


def test_what_one_of_six_shows_by_chance_is_no_claim_and_without_the_correction_it_is():
    table = make(make_ablation([f"tricks.t{k}" for k in range(6)], ["add_one"]), by_chance)
    alone = told(table, correction=list)[Kind.ALONE, "t0"]
    assert 0.05 / 6 < alone.effect.p < 0.05
    assert alone.claim == 1
    assert told(table)[Kind.ALONE, "t0"].claim == 0


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.FAILED])
def test_a_run_that_did_not_finish_takes_the_claims_of_its_variation_away(status):
    table = make(make_ablation(), additive, lost={("without_mixup", 3): status})
    found = told(table)
    one = found[Kind.LEFT_OUT, "mixup"]
    assert (one.claim, one.complete, one.effect.seeds) == (0, False, 4)
    assert one.effect.p < 0.05  # it would be claimed
    assert verdict(one, [*found.values()]) == INCOMPLETE
    assert found[Kind.LEFT_OUT, "cutout"].claim == -1
    assert len(table.troubles) == 1


def test_where_the_whole_cannot_be_trained_nothing_is_claimed():
    lost = {("all", seed): Status.FAILED for seed in range(5)}
    found = answer(make(make_ablation(), additive, lost=lost))
    assert all(np.isnan(one.effect.mean) and one.claim == 0 and one.cost_s is None for one in found)


def test_two_seeds_claim_nothing():
    found = answer(make(make_ablation(seeds=[0, 1]), additive))
    assert [one.claim for one in found] == [0, 0, 0]
    assert smallest(make(make_ablation(seeds=[0, 1]), additive), found, interactions=False) is None


def test_what_a_trick_costs_is_paired_by_seed():
    one = told(make(make_ablation(), additive))[Kind.LEFT_OUT, "mixup"]
    assert one.cost_s == pytest.approx(2.0)
    assert one.share == pytest.approx(2.0 / (10 + 4 + 2))  # seeds 0 to 4 add 2 on average
    assert (
        told(make(make_ablation(modes=["pairwise"]), additive))[Kind.PAIR, "mixup", "cutout"].cost_s is None
    )


def test_what_a_trick_costs_packed_is_said_to_be_so():
    packed = told(make(make_ablation(), additive, seconds="packed_s"))[Kind.LEFT_OUT, "mixup"]
    assert (packed.cost_s, packed.packed) == (pytest.approx(2.0), True)
    assert not told(make(make_ablation(), additive))[Kind.LEFT_OUT, "mixup"].packed


def test_the_smallest_worth_has_four_chances_in_five_after_correction():
    table = make(make_ablation(), lambda names, seed: 0.3 + noise(names, seed, 0.02))
    found = answer(table)
    deviations = [(one.effect.high - one.effect.mean) * 5**0.5 / stats.t.ppf(0.975, 4) for one in found]
    gap = smallest(table, found, interactions=False)
    critical = stats.t.isf(0.05 / 3 / 2, 4)
    typical = (
        np.median(deviations) / (stats.chi2.median(4) / 4) ** 0.5
    )  # free of what chance takes off at five seeds
    assert stats.nct.sf(critical, 4, gap * 5**0.5 / typical) == pytest.approx(0.8)


def test_interactions_are_harder_to_find_than_worths():
    table = make(make_ablation(modes=["pairwise"]), additive)
    found = answer(table)
    assert smallest(table, found, interactions=True) > smallest(table, found, interactions=False)


def test_the_smallest_step_is_one_example_of_the_split_that_is_measured():
    assert resolution(make(make_ablation(), additive)) == 1 / 270
    assert resolution(make(make_ablation(metric="test/top1_error"), additive)) == 1 / 360
    assert resolution(make(make_ablation(metric="validation/loss"), additive)) == 0
