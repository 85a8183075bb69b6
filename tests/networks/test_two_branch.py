from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.layers.merge import MergeName, make_merge
from podium.networks.two_branch import TwoBranch

MERGES = get_args(MergeName)


def two_branch(**changes):
    values = {
        "in_shape": [1, 28, 28],
        "num_classes": 10,
        "filters": 16,
        "units": 64,
        "merge": "concatenate",
        "width": 1.0,
        "activation": "relu",
        "norm": "none",
    }
    torch.manual_seed(0)
    return TwoBranch(**values | changes)


def small(**changes):
    return two_branch(**{"filters": 4, "units": 8, "in_shape": [3, 9, 12]} | changes)


def convolutions(maps):
    return sum(k * k * fan_in * 16 + 16 for k in (3, 5) for fan_in in (1, 16)) + maps * 49 * 64 + 64 + 650


@pytest.mark.parametrize("merge", MERGES)
def test_every_merge_has_the_parameters_counted_by_hand(merge):
    maps = {"concatenate": 32, "dot": 1}.get(merge, 16)
    network = two_branch(merge=merge)
    assert sum(parameter.numel() for parameter in network.parameters()) == convolutions(maps)


def test_concatenated_branches_have_110_thousand_parameters():
    assert convolutions(32) == 110_378


@pytest.mark.parametrize("merge", MERGES)
def test_the_branches_are_joined_by_the_merge(merge):
    network, x = small(merge=merge), torch.rand(2, 3, 9, 12)
    joined = make_merge(merge)(network.fine(x), network.coarse(x))
    torch.testing.assert_close(network(x), network.output(network.hidden(F.max_pool2d(joined, 2))))


def test_the_merges_are_different_networks_of_the_same_branches():
    x = torch.rand(2, 3, 9, 12)
    answers = [small(merge=merge)(x) for merge in MERGES]
    for k, one in enumerate(answers):
        assert not any(torch.allclose(one, other) for other in answers[k + 1 :])


@pytest.mark.parametrize("merge", MERGES)
def test_it_learns_which_of_two_patterns_an_image_has(merge):
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(64) % 2
    stripes = torch.tensor([1.0, 0.0]).repeat(4)
    rows, columns = stripes[:, None].expand(8, 8), stripes.expand(8, 8)
    x = torch.stack([columns if label else rows for label in target])[:, None]
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    network = two_branch(merge=merge, filters=8, units=16, in_shape=[1, 8, 8], num_classes=2)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(network(x[:32]), target[:32]).backward()
        optimizer.step()
    accuracy = (network(x[32:]).argmax(1) == target[32:]).float().mean()
    assert accuracy > 0.9


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 5, 11), (4, 32, 32)])
def test_other_images_fit(shape):
    assert small(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 10)


def test_the_branches_see_3x3_and_5x5_pixels():
    network = small()
    assert [conv.kernel_size for conv in (network.fine.conv1, network.fine.conv2)] == [(3, 3)] * 2
    assert [conv.kernel_size for conv in (network.coarse.conv1, network.coarse.conv2)] == [(5, 5)] * 2


def test_width_multiplies_filters_and_units():
    network = two_branch(width=0.25)
    assert (network.fine.conv2.out_channels, network.coarse.conv1.out_channels) == (4, 4)
    assert network.output.in_features == 16
    assert two_branch(width=1e-6)(torch.rand(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("none", ["conv1", "conv1_activation", "pool"]),
        ("before", ["conv1", "conv1_norm", "conv1_activation", "pool"]),
        ("after", ["conv1", "conv1_activation", "conv1_norm", "pool"]),
    ],
)
def test_normalisation_has_its_place(norm, order):
    network = small(norm=norm, activation="tanh")
    for branch in (network.fine, network.coarse):
        assert [name for name, _ in branch.named_children()][: len(order)] == order
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filters": 0}, r"^filters must be positive, got \[0\]; set network.filters=16$"),
        ({"units": 0}, r"^units must be positive, got \[0\]; set network.units=64$"),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"in_shape": [1, 3, 4]}, r"^two_branch requires images of at least 4x4, got 1x3x4; use "),
        (
            {"in_shape": [1, 40]},
            r"^two_branch requires images of channels x height x width, got samples of 1x40",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
