"""Initialisers on every kind of weight layer: fans, variance, and a signal that keeps its size."""

import math

import pytest
import torch
from torch import nn

from podium.layers.initializers import Orthogonal, VarianceScaling, fans

KINDS = {
    "linear": lambda: nn.Linear(300, 200),
    "1-d": lambda: nn.Conv1d(64, 96, 5),
    "2-d": lambda: nn.Conv2d(32, 48, 3),
    "3-d": lambda: nn.Conv3d(16, 24, 3),
    "grouped": lambda: nn.Conv2d(64, 128, 3, groups=4),
    "depthwise": lambda: nn.Conv2d(4096, 4096, 3, groups=4096),
    "1-d depthwise": lambda: nn.Conv1d(4096, 8192, 5, groups=4096),
    "transposed": lambda: nn.ConvTranspose2d(64, 48, 4, stride=2),
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def scaling(fan, distribution="truncated_normal", gain=1.0):
    return VarianceScaling(fan=fan, distribution=distribution, gain=gain, exceptions={})


def test_fans_of_a_layer_count_its_window_and_its_group():
    assert fans(nn.Linear(5, 4)) == (5, 4)
    assert fans(nn.Conv1d(2, 7, 3)) == (6, 21)
    assert fans(nn.Conv2d(3, 8, 5)) == (75, 200)
    assert fans(nn.Conv3d(2, 4, (1, 3, 3))) == (18, 36)
    assert fans(nn.Conv2d(64, 128, 3, groups=4)) == (16 * 9, 32 * 9)
    assert fans(nn.Conv2d(64, 64, 3, groups=64)) == (9, 9)
    assert fans(nn.ConvTranspose2d(8, 6, 2, stride=2)) == (8, 6)
    assert fans(nn.ConvTranspose2d(8, 6, 4, stride=2)) == (32, 24)


@pytest.mark.parametrize("kind", ["grouped", "depthwise", "transposed"])
def test_an_output_unit_sees_as_many_inputs_as_the_fan_says(kind):
    """Counted: with all weights and inputs 1, an output away from the border is its number of inputs."""
    layer = KINDS[kind]()
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)
    with torch.no_grad():
        output = layer(torch.ones(1, layer.in_channels, 12, 12))
    assert float(output[0, 0, 6, 6]) == fans(layer)[0]


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_variance_is_that_of_the_fans(kind, distribution):
    layer = KINDS[kind]()
    fan_in, fan_out = fans(layer)
    for fan, expected in (("in", 1 / fan_in), ("average", 2 / (fan_in + fan_out))):
        scaling(fan, distribution).apply(layer)
        weight = layer.weight.detach().double()
        # four standard errors; a sample variance of n draws has at most the relative error sqrt(2 / n)
        assert abs(weight.var().item() / expected - 1) < 4 * math.sqrt(2 / weight.numel())
        assert abs(weight.mean().item()) < 4 * math.sqrt(expected / weight.numel())
        assert not layer.bias.any()


@pytest.mark.parametrize("kind", KINDS)
def test_with_the_fan_of_inputs_a_layer_keeps_the_size_of_its_inputs(kind):
    layer = KINDS[kind]()
    scaling("in").apply(layer)
    if isinstance(layer, nn.Linear):
        shape = (64, layer.in_features)
    else:
        shape = (2, layer.in_channels, *(10 for _ in layer.kernel_size))
    with torch.no_grad():
        output = layer(torch.randn(shape))
    if isinstance(layer, nn.ConvTranspose2d):
        output = output[:, :, 3:-3, 3:-3]
    assert output.square().mean().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_orthogonal_is_orthogonal_within_each_group(kind):
    layer = KINDS[kind]()
    Orthogonal(gain=1.5, exceptions={}).apply(layer)
    groups = getattr(layer, "groups", 1)
    for kernels in layer.weight.detach().chunk(groups)[:8]:
        rows = kernels.flatten(1)
        wide = rows if rows.shape[0] <= rows.shape[1] else rows.T
        torch.testing.assert_close(wide @ wide.T, 1.5**2 * torch.eye(len(wide)), atol=1e-4, rtol=0)


def test_orthogonal_rows_over_all_groups_would_be_seen():
    """What torch does on its own: the kernels of a depthwise layer become ever shorter with more channels."""
    layer = KINDS["depthwise"]()
    nn.init.orthogonal_(layer.weight)
    assert layer.weight.detach().flatten(1).norm(dim=1).mean().item() < 0.1
    Orthogonal(gain=1.0, exceptions={}).apply(layer)
    torch.testing.assert_close(layer.weight.detach().flatten(1).norm(dim=1), torch.ones(4096))
