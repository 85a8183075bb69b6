import pytest
import torch
from torch import nn

from podium.layers.initializers import weight_layers
from podium.layers.shortcuts import (
    BlockStyle,
    Conv,
    PaddedShortcut,
    ResidualBlock,
    basic_block,
    make_shortcut,
)
from podium.layers.unit import ConvUnit


def style(**changes):
    values = {"shortcut": "A", "activation": "relu", "norm": "before", "use_bias": False}
    return BlockStyle(**values | changes)


def block(fan_in=4, filters=4, stride=1, **changes):
    return ResidualBlock(fan_in, basic_block(filters, stride), style=style(**changes))


def shortcut(name, fan_in, filters, stride):
    return make_shortcut(fan_in, filters, stride=stride, style=style(shortcut=name))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def order(module):
    """The leaves in the order in which they run."""
    called = []
    for leaf in module.modules():
        if not list(leaf.children()):
            leaf.register_forward_hook(lambda made, _in, _out: called.append(type(made).__name__))
    module(torch.rand(2, 4, 6, 6))
    return called


def test_option_a_takes_every_second_pixel_and_adds_channels_of_zeros():
    x = torch.rand(2, 3, 6, 6)
    y = PaddedShortcut(stride=2, extra=2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y.shape == (2, 5, 3, 3)
    assert not y[:, 3:].any()


def test_option_a_without_a_stride_keeps_every_pixel():
    x = torch.rand(2, 3, 5, 5)
    assert torch.equal(PaddedShortcut(stride=1, extra=1)(x)[:, :3], x)


@pytest.mark.parametrize("name", ["A", "B", "C"])
@pytest.mark.parametrize(("fan_in", "filters", "stride"), [(4, 4, 1), (4, 8, 1), (4, 4, 2), (4, 8, 2)])
def test_every_option_projects_where_the_paper_says(name, fan_in, filters, stride):
    made = shortcut(name, fan_in, filters, stride)
    changes = (fan_in, stride) != (filters, 1)
    kinds = {"A": PaddedShortcut, "B": ConvUnit, "C": ConvUnit}
    assert type(made) is (kinds[name] if changes or name == "C" else nn.Identity)
    assert made(torch.rand(2, fan_in, 7, 7)).shape == (
        2,
        filters,
        7 if stride == 1 else 4,
        7 if stride == 1 else 4,
    )


def test_a_plain_network_has_no_shortcut():
    assert shortcut("none", 4, 8, 2) is None
    assert block(shortcut="none").merge is None


def test_option_a_has_no_parameters_and_a_projection_has_weights_and_a_normalisation():
    assert count(shortcut("A", 4, 8, 2)) == 0
    assert count(shortcut("B", 4, 8, 2)) == 4 * 8 + 2 * 8


def test_a_block_whose_last_normalisation_is_silent_passes_its_input_on():
    made = block().eval()
    nn.init.zeros_(made.branch.unit2.norm.weight)
    x = torch.rand(2, 4, 8, 8)
    assert torch.equal(made(x), x)
    made.shortcut = None
    assert not made(x).any()


def test_the_sum_is_activated_and_not_its_terms():
    made = block().eval()
    nn.init.zeros_(made.branch.unit2.norm.weight)
    x = torch.randn(2, 4, 8, 8)
    assert torch.equal(made(x), x.relu())


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("before", "Conv2d BatchNorm ReLU Conv2d BatchNorm Identity Residual ReLU"),
        ("after", "Conv2d ReLU BatchNorm Conv2d Identity Residual ReLU BatchNorm2d"),
        ("none", "Conv2d ReLU Conv2d Identity Residual ReLU"),
    ],
)
def test_normalisation_runs_where_it_is_asked_for(norm, expected):
    assert order(block(norm=norm)) == expected.split()


def test_the_place_of_the_normalisation_changes_no_count():
    assert count(block(norm="after", filters=8, stride=2)) == count(block(norm="before", filters=8, stride=2))
    assert count(block(norm="none")) < count(block(norm="after"))


def test_biases_are_those_of_all_convolutions_projections_too():
    biased = block(filters=8, stride=2, shortcut="B", use_bias=True)
    assert count(biased) - count(block(filters=8, stride=2, shortcut="B")) == 3 * 8


def test_an_initialiser_finds_the_activation_of_the_sum_behind_the_last_convolution_of_the_branch():
    layers = weight_layers(block(filters=8, stride=2, shortcut="B"))
    behind = {name: activation is not None for name, (_, activation) in layers.items()}
    assert behind == {"shortcut.conv": False, "branch.unit1.conv": True, "branch.unit2.conv": True}


def test_the_strides_of_all_convolutions_count_for_the_shortcut():
    made = ResidualBlock(4, [Conv(2, 1, 2), Conv(2, 3), Conv(8, 1)], style=style(shortcut="B"))
    assert made.shortcut.conv.stride == (2, 2)
    assert made(torch.rand(2, 4, 8, 8)).shape == (2, 8, 4, 4)
