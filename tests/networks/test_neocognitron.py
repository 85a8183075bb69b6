"""The neocognitron's shape, and what it gives for the cell that wins."""

import pytest
import torch

from podium.networks.neocognitron import Neocognitron, Winner

PAPER = {
    "in_shape": [1, 16, 16],
    "num_classes": 5,
    "planes": [24, 24, 24],
    "windows": [5, 5, 5],
    "margins": [2, 1, 0],
    "pools": [5, 5],
    "selectivity": [4.0, 1.5, 1.5],
    "saturation": 0.5,
}


def neocognitron(**changes):
    torch.manual_seed(0)
    return Neocognitron(**PAPER | changes)


def test_its_layers_have_as_many_cells_as_those_of_the_paper():
    network, sides = neocognitron(), []
    for stage in network.stages:
        for layer in (stage.s, stage.c):
            layer.register_forward_hook(lambda _layer, _inputs, cells: sides.append(tuple(cells.shape[1:])))
    network.cells(torch.rand(1, 1, 16, 16))
    assert sides == [(24, side, side) for side in (16, 10, 8, 6, 2, 1)]


@pytest.mark.parametrize("shape", [(1, 9, 9), (1, 28, 28), (3, 12, 20)])
def test_it_takes_images_of_other_sizes(shape):
    assert neocognitron(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 5)


def test_it_gives_what_its_table_says_of_the_winner_and_a_row_of_its_own_where_none_answers():
    network = neocognitron()
    pattern = torch.zeros(1, 1, 16, 16)
    pattern[0, 0, 4:12, 7] = 1
    winner = int(network.cells(pattern).argmax())
    table = network.output
    torch.testing.assert_close(network(pattern)[0], table.weight[:, winner] + table.bias)
    torch.testing.assert_close(network(torch.zeros_like(pattern))[0], table.bias)


def test_the_winner_is_one_cell_even_of_equals():
    cells = torch.tensor([[0.0, 0.2, 0.1], [0.3, 0.3, 0.0], [0.0, 0.0, 0.0]])
    assert Winner()(cells).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pools": [5]}, r"pools one fewer, got \[3, 3, 3, 3\] and 1; set all five"),
        ({"planes": []}, r"planes, windows, margins and selectivity must have a number for each S-layer"),
        ({"planes": [24, 1, 24]}, r"planes must be at least 2, to compete, got \[24, 1, 24\]; set"),
        ({"windows": [5, 0, 5]}, r"windows and pools must be positive"),
        ({"margins": [5, 1, 0]}, r"margins must be 0 or more and smaller than windows, got \[5, 1, 0\]"),
        ({"selectivity": [4.0, 0.0, 1.5]}, r"selectivity must be positive and finite, got \[4.0, 0.0, 1.5\]"),
        ({"saturation": float("inf")}, r"saturation must be positive and finite, got \[inf\]"),
        ({"in_shape": [1, 8, 8]}, r"neocognitron requires images of at least 9x9, got 1x8x8; use larger"),
        ({"in_shape": [1, 40]}, r"neocognitron requires images of channels x height x width"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        neocognitron(**changes)
