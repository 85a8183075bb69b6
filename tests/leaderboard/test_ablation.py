import pytest

from leaderboard.ablations import FACTORS, make_ablation
from podium.leaderboard.ablation import (
    Ablation,
    Kind,
    Mode,
    direction_of,
    is_share,
    questions,
    short,
    variations,
)
from podium.leaderboard.board import Board
from podium.leaderboard.summary import definition


def keys(factors, *modes):
    return [variation.key for variation in variations(factors, modes)]


def test_each_mode_has_its_variations():
    assert keys(FACTORS, "leave_one_out") == ["all", "without_mixup", "without_cutout", "without_flip"]
    assert keys(FACTORS, "add_one") == ["none", "only_mixup", "only_cutout", "only_flip"]
    pairs = ["mixup_and_cutout", "mixup_and_flip", "cutout_and_flip"]
    assert keys(FACTORS, "pairwise") == [*keys(FACTORS, "add_one"), *pairs]


def test_no_variation_is_there_twice():
    every = variations(FACTORS, [*Mode])
    assert len({variation.on for variation in every}) == len(every) == 8
    assert len(variations(FACTORS[:2], [*Mode])) == 4
    assert len(variations(FACTORS[:1], ["leave_one_out", "add_one"])) == 2


@pytest.mark.parametrize("count", [4, 6])
def test_the_number_of_variations_is_as_promised(count):
    factors = [f"tricks.t{k}" for k in range(count)]
    assert len(variations(factors, ["leave_one_out"])) == count + 1
    assert len(variations(factors, ["add_one"])) == count + 1
    assert len(variations(factors, ["pairwise"])) == count * (count - 1) // 2 + count + 1


def test_the_order_of_tricks_stays():
    for variation in variations(FACTORS, [*Mode]):
        assert [factor for factor in FACTORS if factor in variation.on] == list(variation.on)


def test_a_variation_says_what_it_does_without():
    board = make_ablation(modes=["leave_one_out", "add_one"])
    assert board.off("all") == []
    assert board.off("without_flip") == ["augment.flip"]
    assert board.off("only_flip") == ["tricks.mixup", "tricks.cutout"]
    assert board.off("none") == FACTORS


def test_questions_are_differences_and_interactions():
    asked = {(found.kind, found.factors): dict(found.weights) for found in questions(FACTORS, [*Mode])}
    assert asked[Kind.LEFT_OUT, ("tricks.mixup",)] == {"all": 1, "without_mixup": -1}
    assert asked[Kind.ALONE, ("augment.flip",)] == {"only_flip": 1, "none": -1}
    pair = {
        "without_flip": 1,
        "none": 1,
        "only_mixup": -1,
        "only_cutout": -1,
    }  # of three, both are all but the third
    assert asked[Kind.PAIR, ("tricks.mixup", "tricks.cutout")] == pair
    company = {"all": 1, "none": 1, "without_mixup": -1, "only_mixup": -1}
    assert asked[Kind.COMPANY, ("tricks.mixup",)] == company
    assert all(sum(weights.values()) == 0 for weights in asked.values())


def test_no_question_is_asked_twice():
    two = [(found.kind, found.factors) for found in questions(FACTORS[:2], ["leave_one_out", "add_one"])]
    assert two.count((Kind.PAIR, tuple(FACTORS[:2]))) == 1
    assert [kind for kind, _ in two] == [Kind.LEFT_OUT] * 2 + [Kind.ALONE] * 2 + [Kind.PAIR]
    assert len(questions(FACTORS[:1], ["leave_one_out", "add_one"])) == 1


def test_names_are_short_unless_two_groups_share_one():
    assert [short(factor, FACTORS) for factor in FACTORS] == ["mixup", "cutout", "flip"]
    both = ["tricks.cutout", "augment.cutout"]
    assert [short(factor, both) for factor in both] == ["tricks_cutout", "augment_cutout"]
    assert keys(both, "add_one") == ["none", "only_tricks_cutout", "only_augment_cutout"]


def test_which_way_a_metric_runs_and_how_it_is_shown():
    assert [direction_of(m) for m in ("validation/top1_error", "test/loss", "test/mean_iou")] == [
        "min",
        "min",
        "max",
    ]
    assert [is_share(m) for m in ("test/top1_error", "test/map_50", "test/f1", "test/iou_class_1")] == [
        True
    ] * 4
    assert [is_share(m) for m in ("validation/loss", "test/mse")] == [False] * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"factors": []}, "must have a trick or augmentation to leave out, got none"),
        (
            {"modes": ["leave_two_out"]},
            "modes must be of leave_one_out, add_one, pairwise, got leave_two_out",
        ),
        (
            {"factors": ["tricks.l2"], "modes": ["pairwise"], "entries": ["none"]},
            "two tricks or more, got tricks.l2",
        ),
        ({"entries": ["all", "none"]}, "entries must be .*without_mixup"),
        ({"metric": "train/loss"}, "must be a validation or test metric, got 'train/loss'"),
        ({"metric": "loss"}, "must be a validation or test metric, got 'loss'"),
    ],
    ids=str,
)
def test_a_wrong_ablation_is_refused_in_one_line(changes, said):
    with pytest.raises(ValueError, match=said) as caught:
        make_ablation(**changes)
    assert "\n" not in str(caught.value)


def test_its_definition_survives_and_is_no_boards():
    board = make_ablation()
    raw = {"schema": 1, "board": board.to_dict(), "entries": []}
    assert definition(raw) == (board, [])
    plain = {key: value for key, value in board.to_dict().items() if key not in ("factors", "modes")}
    with pytest.raises(ValueError, match="must be a test metric"):
        Board.from_dict(plain)
    assert isinstance(definition(raw)[0], Ablation)
