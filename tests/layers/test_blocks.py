from collections import OrderedDict

import pytest
import torch
from torch import nn

from podium.layers.blocks import blocks, last_layer
from podium.layers.surgery import insert_after


class Unit(nn.Module):
    """Two layers around a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4)


class Staged(nn.Module):
    """A stem with its norm, stages of units, a token of its own, and an output that is constructed first."""

    def __init__(self) -> None:
        super().__init__()
        self.output = nn.Linear(4, 3)
        self.input_norm = nn.BatchNorm1d(4)
        self.stem = nn.Sequential(OrderedDict(layer=nn.Linear(4, 4), norm=nn.BatchNorm1d(4), act=nn.PReLU()))
        self.stages = nn.ModuleList([nn.Sequential(Unit(), Unit()), nn.Sequential(Unit())])
        self.token = nn.Parameter(torch.zeros(1, 4))


class Around(nn.Module):
    """A network of somebody else behind one attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Staged()
        self.inner.output = nn.Identity()
        self.output = nn.Linear(4, 3)


def names(network: nn.Module) -> list[str]:
    return [block.name for block in blocks(network)]


def test_blocks_are_layers_and_units_in_order_with_the_output_last():
    assert names(Staged()) == ["stem.layer", "stages.0.0", "stages.0.1", "stages.1.0", "output"]


def test_a_network_inside_another_is_opened():
    assert names(Around()) == [
        "inner.stem.layer",
        "inner.stages.0.0",
        "inner.stages.0.1",
        "inner.stages.1.0",
        "output",
    ]


@pytest.mark.parametrize("make", [Staged, Around])
def test_every_parameter_is_in_one_block(make):
    network = make()
    placed = [p for block in blocks(network) for p in block.parameters]
    assert len(placed) == len(set(placed))
    assert set(placed) == set(network.parameters())


def test_norms_and_activations_go_with_the_layer_before_them_and_what_comes_first_with_the_first():
    network = Staged()
    stem = set(blocks(network)[0].parameters)
    parts = (network.input_norm, network.stem)
    assert stem == {network.token, *(p for part in parts for p in part.parameters())}


def test_a_shared_layer_is_in_its_first_block_only():
    shared = nn.Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(4, 3))
    assert names(network) == ["0", "3"]


def test_what_a_trick_inserts_begins_no_block():
    network = insert_after(Staged(), lambda name, _: name == "stem", lambda: nn.Linear(4, 4), what="a stem")
    assert names(network) == names(Staged())
    assert set(network.stem.after.parameters()) <= set(blocks(network)[0].parameters)


def test_a_network_without_weights_has_no_block_and_no_last_layer():
    assert blocks(nn.Sequential(nn.Flatten(), nn.ReLU())) == []
    assert last_layer(nn.Sequential(nn.Flatten(), nn.ReLU())) is None


def test_the_last_layer_is_the_output_wherever_it_was_constructed():
    network = Staged()
    assert last_layer(network) == ("output", network.output)
    sequence = nn.Sequential(nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.ReLU())
    assert last_layer(sequence) == ("1", sequence[1])
