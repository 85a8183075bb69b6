"""A neocognitron sorts patterns without labels, by their shapes and not by their places."""

from itertools import product

import pytest
import torch
from rules import make_task
from torch import nn

from podium.networks.neocognitron import Neocognitron
from podium.tasks.self_organization import SelfOrganization, counted, presented, shares

DRAWN = {
    "plus": ["...#...", "...#...", "...#...", "#######", "...#...", "...#...", "...#..."],
    "cross": ["#.....#", ".#...#.", "..#.#..", "...#...", "..#.#..", ".#...#.", "#.....#"],
    "square": ["#######", "#.....#", "#.....#", "#.....#", "#.....#", "#.....#", "#######"],
    "tee": ["#######", "...#...", "...#...", "...#...", "...#...", "...#...", "...#..."],
    "corner": ["#......", "#......", "#......", "#......", "#......", "#......", "#######"],
}
SHIFTS = [(down, across) for down, across in product((-2, -1, 0, 1, 2), repeat=2)]
SPEEDS = [1.0, 16.0, 16.0]


def neocognitron(seed=0, **changes):
    """The paper's network for images of 16x16."""
    torch.manual_seed(seed)
    plain = {
        "in_shape": [1, 16, 16],
        "num_classes": 5,
        "planes": [24, 24, 24],
        "windows": [5, 5, 5],
        "margins": [2, 1, 0],
        "pools": [5, 5],
        "selectivity": [4.0, 1.5, 1.5],
        "saturation": 0.5,
    }
    return Neocognitron(**plain | changes)


def patterns(shift=(0, 0)):
    """The drawn patterns in the middle of an image, or beside it."""
    images = torch.zeros(len(DRAWN), 1, 16, 16)
    down, across = 4 + shift[0], 4 + shift[1]
    for image, rows in zip(images, DRAWN.values(), strict=True):
        image[0, down : down + 7, across : across + 7] = torch.tensor(
            [[c == "#" for c in row] for row in rows]
        )
    return images


@torch.no_grad()
def learn(network, images, *, speeds=SPEEDS):
    for parameter, more in presented(network, images, speeds=speeds).items():
        parameter.add_(more)


@torch.no_grad()
def winners(network, images):
    """The plane that answers most, or -1 where none does."""
    largest, place = network.cells(images).max(1)
    return torch.where(largest > 0, place, -1).tolist()


def taught(network, *, times=10, speeds=SPEEDS):
    for _ in range(times):
        learn(network, patterns(), speeds=speeds)
    return network


def kept(network, before):
    """Of all patterns in all shifts, the share whose winner is that of the pattern in the middle."""
    same = [
        a == b >= 0
        for shift in SHIFTS
        for a, b in zip(winners(network, patterns(shift)), before, strict=True)
    ]
    return sum(same) / len(same)


@pytest.mark.parametrize("seed", range(2))
def test_it_gives_each_pattern_a_plane_of_its_own_wherever_the_pattern_is(seed):
    """It saw them in the middle alone; selective enough (r of 2.5), it answers as before to what moves by two pixels."""
    network = taught(neocognitron(seed, selectivity=[4.0, 2.5, 2.5]))
    before = winners(network, patterns())
    assert len({*before} - {-1}) == len(DRAWN)
    assert kept(network, before) == 1


def test_without_c_cells_that_pool_or_with_one_layer_the_place_matters():
    unpooled = neocognitron(selectivity=[4.0, 2.5, 2.5])
    for stage in unpooled.stages:
        alone = torch.zeros_like(stage.c.nearness)
        alone[..., alone.shape[-2] // 2, alone.shape[-1] // 2] = 1
        stage.c.nearness.copy_(alone)
    taught(unpooled)
    one = {"planes": [24], "windows": [16], "margins": [0], "pools": [], "selectivity": [4.0]}
    single = taught(neocognitron(**one), speeds=[16.0])
    for network in (unpooled, single):
        assert kept(network, winners(network, patterns())) < 0.3
    assert len({*winners(single, patterns())} - {-1}) == len(DRAWN)


def test_without_inhibition_it_tells_fewer_patterns_apart():
    network = taught(neocognitron(selectivity=[4.0, 2.5, 2.5]))
    with torch.no_grad():
        for stage in network.stages:
            stage.s.inhibitory.zero_()
    assert len({*winners(network, patterns())} - {-1}) < len(DRAWN)


def test_patterns_are_presented_one_after_the_other_whatever_the_batch():
    together, alone = neocognitron(), neocognitron()
    learn(together, patterns())
    for image in patterns().split(1):
        learn(alone, image)
    for one, other in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_where_no_plane_answers_to_what_is_new_one_that_learnt_nothing_learns_it():
    """Crossed lines share too little with one another for one plane; planes that learnt something are counted."""
    one = {"planes": [6], "windows": [16], "margins": [0], "pools": [], "selectivity": [4.0]}
    network = neocognitron(**one)
    used = []
    for image in [*patterns().split(1), *patterns().split(1)]:
        learn(network, image, speeds=[16.0])
        used.append(int((network.stages[0].s.inhibitory > 0).sum()))
    assert used == [1, 2, 3, 4, 5, 5, 5, 5, 5, 5]


def test_classes_are_counted_for_each_winner_and_for_none():
    winner = torch.tensor([[1.0, 0], [1, 0], [0, 0], [1, 0]])
    won = counted(winner, torch.tensor([2, 2, 0, 1]), 3)
    assert won.tolist() == [[0, 1, 2], [0, 0, 0], [1, 0, 0]]
    weight, bias = shares(won)
    first, never, none = (bias + weight[:, 0]), (bias + weight[:, 1]), bias
    assert first.tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert never.tolist() == pytest.approx([1 / 4, 1 / 4, 1 / 2])  # as of all four examples
    assert none.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("network", "changes", "said"),
    [
        (nn.Flatten, {}, r"network must be a neocognitron, got Flatten; set network=neocognitron"),
        (neocognitron, {"speed": 0.0}, r"speed must be positive and finite, got 0.0; the paper's are"),
        (neocognitron, {"first_speed": -1.0}, r"first_speed must be positive and finite, got -1.0"),
        (neocognitron, {"organizing": 1.5}, r"organizing must be in \[0, 1\], got 1.5"),
    ],
)
def test_what_cannot_be_is_refused(network, changes, said):
    values = {"first_speed": 1.0, "speed": 16.0, "organizing": 1.0} | changes
    with pytest.raises(ValueError, match=said):
        make_task(SelfOrganization, network(), num_classes=5, **values)
