"""S-cells, C-cells and the choice of who learns, against numbers worked out by hand and loops over single cells."""

import math

import pytest
import torch

from podium.layers.neocognitron import CLayer, SLayer, nearness, representatives


def s_layer(channels=1, planes=2, **changes):
    torch.manual_seed(0)
    return SLayer(channels, planes, **{"window": 2, "margin": 0, "selectivity": 4.0} | changes)


@torch.no_grad()
def with_weights(layer, excitatory, inhibitory):
    layer.excitatory.copy_(torch.as_tensor(excitatory))
    layer.inhibitory.copy_(torch.as_tensor(inhibitory))
    return layer


@torch.no_grad()
def taught(layer, pattern, *, times=1, speed=1.0):
    """The layer with what it learns from a pattern that is presented again and again."""
    for _ in range(times):
        planes, more, shunting = layer.reinforcement(pattern, layer(pattern))
        layer.excitatory[planes] += speed * more
        layer.inhibitory[planes] += speed * shunting
    return layer


def test_an_s_cell_answers_as_worked_out_by_hand():
    """c is 1/4 everywhere, so v is the root of a half; 2r/(1+r) is 1.6; excitations are 4, 0 and 1.25."""
    diagonal = torch.eye(2)[None, None]
    layer = s_layer(planes=3)
    with_weights(
        layer,
        [[[[2.0, 0], [0, 2.0]]], [[[0, 0.5], [0.5, 0]]], [[[1.0, 3.0], [3.0, 0.25]]]],
        [1.0, 1.0, 0.5],
    )
    assert layer.strength(diagonal).item() == pytest.approx(math.sqrt(0.5))
    answers = layer(diagonal).flatten().tolist()
    assert answers == pytest.approx([5.383632, 0.0, 1.748281], rel=1e-5)


def test_s_cells_answer_as_a_loop_over_the_papers_formula():
    layer = s_layer(2, 3, window=3, margin=1, selectivity=1.5)
    with_weights(layer, torch.rand(3, 2, 3, 3), [0.2, 5.0, 20.0])
    u, answers = torch.rand(2, 4, 5), layer(torch.zeros(1, 2, 4, 5))
    padded = torch.nn.functional.pad(u, (1, 1, 1, 1))
    for k in range(3):
        for row in range(4):
            for column in range(5):
                total, squares = 0.0, 0.0
                for plane in range(2):
                    for i in range(3):
                        for j in range(3):
                            below = padded[plane, row + i, column + j].item()
                            total += layer.excitatory[k, plane, i, j].item() * below
                            squares += layer.nearness[0, plane, i, j].item() * below**2
                shunt = 2 * 1.5 / 2.5 * layer.inhibitory[k].item() * math.sqrt(squares)
                answers[0, k, row, column] = 1.5 * max(0.0, (1 + total) / (1 + shunt) - 1)
    torch.testing.assert_close(layer(u[None]), answers)
    assert (answers > 0).any()


def test_what_was_learnt_well_is_answered_by_its_likeness_above_r_over_one_plus_r():
    """After much reinforcement u_S = (r + 1) s - r, s being the cosine of what is seen and what was learnt."""
    first, second = torch.tensor([[1.0, 1.0], [0.0, 0.2]]), torch.tensor([[1.0, 0.7], [0.4, 0.2]])
    layer = taught(s_layer(planes=1), first[None, None], times=1, speed=1e5)
    likeness = torch.cosine_similarity(first.flatten(), second.flatten(), dim=0).item()
    assert 0.8 < likeness < 0.97
    assert layer(first[None, None]).item() == pytest.approx(1, abs=1e-3)
    assert layer(second[None, None]).item() == pytest.approx(5 * likeness - 4, abs=1e-3)


def test_without_inhibition_a_cell_answers_more_to_what_is_only_brighter():
    learnt, bright = torch.eye(2)[None, None], torch.ones(1, 1, 2, 2)
    layer = taught(s_layer(planes=1), learnt, times=20)
    assert layer(learnt) > 0.5
    assert layer(bright) == 0
    with torch.no_grad():
        layer.inhibitory.zero_()
    assert layer(bright) >= layer(learnt) > 0.5


def test_the_reinforcement_is_what_the_rule_says():
    """Both planes see one area, of which the first answers more: it learns c u and half of v, the other is none."""
    layer = with_weights(s_layer(), [[[[1.0, 0], [0, 1.0]]], [[[0.5, 0], [0, 0]]]], [0.0, 0.0])
    seen = torch.tensor([[[[1.0, 0], [0, 3.0]]]])
    planes, more, shunting = layer.reinforcement(seen, layer(seen))
    assert planes.tolist() == [0]
    assert more.flatten().tolist() == pytest.approx([0.25, 0, 0, 0.75])
    assert shunting.tolist() == pytest.approx([math.sqrt(10 / 4) / 2])


def test_of_each_column_the_largest_answer_is_a_candidate_and_of_a_planes_candidates_the_largest_learns():
    response = torch.zeros(4, 3, 3)
    response[0, 0, 0], response[0, 2, 2] = 0.9, 0.8  # candidates of two columns in one plane
    response[1, 0, 2] = 0.5  # the largest of the upper right column
    response[2, 0, 1] = 0.4  # smaller than a neighbour in either column that it belongs to
    learn, places = representatives(response, column=(2, 2))
    assert (learn.tolist(), places.tolist()) == ([0, 1], [0, 2])
    alone, _ = representatives(response, column=(3, 3))
    assert alone.tolist() == [0]
    silent, _ = representatives(torch.zeros(2, 3, 3), column=(2, 2))
    assert not len(silent)


def test_c_cells_answer_as_a_loop_over_the_papers_formula():
    torch.manual_seed(0)
    layer, u = CLayer(5, 4, window=3, saturation=0.5), torch.rand(2, 5, 4) ** 4
    padded = torch.nn.functional.pad(u, (2, 2, 2, 2))
    rows, columns = 4, 3  # every second, from the first that sees a cell to the last
    answers = torch.zeros(1, 2, rows, columns)
    for row in range(rows):
        for column in range(columns):
            areas = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            sums = (areas * layer.nearness[0]).sum((1, 2))
            for k in range(2):
                x = ((1 + sums[k]) / (1 + sums.mean()) - 1).item()
                answers[0, k, row, column] = max(0.0, x) / (0.5 + max(0.0, x))
    torch.testing.assert_close(layer(u[None]), answers)
    assert (answers > 0).any()


def test_c_cells_of_planes_that_answer_less_than_the_others_are_silent():
    layer, answers = CLayer(3, 3, window=None, saturation=0.5), torch.rand(1, 1, 3, 3)
    cells = layer(torch.cat([answers, 0.5 * answers, 2 * answers], 1)).flatten()
    assert cells[0] == cells[1] == 0 < cells[2] < 1
    assert layer(answers.expand(1, 3, 3, 3)).max() < 1e-6


@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (5, 5), (3, 7)])
def test_nearness_falls_from_the_middle_outwards_and_stays_above_nothing(sides):
    near = nearness(*sides, fall=0.9)
    middle, corner = near[sides[0] // 2, sides[1] // 2], near[0, 0]
    assert near.max() == middle >= corner > 0
    assert (corner < middle) == (max(sides) > 2)
    assert near[sides[0] // 2, 0] == pytest.approx(0.9 ** ((sides[1] - 1) / 2), rel=0.06)
    assert SLayer(3, 2, window=5, margin=2, selectivity=1.0).nearness.sum() == pytest.approx(1)
