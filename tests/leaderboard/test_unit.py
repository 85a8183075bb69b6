"""Shares are written in per cent, everything else as it is; and which way each is better."""

from podium.leaderboard.unit import direction_of, is_share, unit_of

SHARES = [
    "test/top1_error",
    "test/map_50",
    "test/mean_iou",
    "test/iou_class_1",
    "test/entity_f1",
    "test/bleu",
    "test/exact_match",
    "test/f1",
    "test/noise_accuracy",
]
OTHERS = ["validation/loss", "test/mse", "test/rmse", "test/bits_per_character", "test/perplexity"]


def test_which_way_a_metric_runs():
    assert {direction_of(metric) for metric in [SHARES[0], *OTHERS]} == {"min"}
    assert {direction_of(metric) for metric in SHARES[1:]} == {"max"}


def test_shares_are_shown_in_per_cent_and_others_as_they_are():
    assert [metric for metric in [*SHARES, *OTHERS] if is_share(metric)] == SHARES
    share, other = unit_of("test/top1_error"), unit_of("test/rmse")
    assert (share.text(0.1234), share.title, share.gap(0.01)) == ("12.34", ", %", "1.00 percentage points")
    assert (other.text(0.1234), other.title, other.gap(0.01)) == ("0.1234", "", "0.0100")
