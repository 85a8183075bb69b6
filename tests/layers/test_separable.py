import torch
from torch import nn
from torch.nn import functional as F

from podium.layers.separable import SeparableConv


def separable(**changes):
    options = {
        "stride": 1,
        "inner_activation": None,
        "inner_norm": "none",
        "activation": None,
        "norm": "none",
        "use_bias": False,
    }
    torch.manual_seed(0)
    return SeparableConv(4, 6, **options | changes)


def test_it_is_the_whole_convolution_whose_filters_are_products_of_its_halves():
    halves = separable()
    depthwise, pointwise = halves.depthwise.conv.weight, halves.pointwise.conv.weight
    whole = pointwise * depthwise.transpose(0, 1)
    x = torch.rand(2, 4, 7, 9)
    torch.testing.assert_close(halves(x), F.conv2d(x, whole, padding=1))


def test_an_activation_between_the_halves_makes_it_another_function():
    x = torch.rand(2, 4, 7, 9)
    inner = separable(inner_activation="relu")
    assert not torch.allclose(inner(x), separable()(x))
    torch.testing.assert_close(inner(x), inner.pointwise(F.relu(inner.depthwise.conv(x))))


def test_it_has_as_many_weights_as_pixels_and_channels_need():
    count = sum(parameter.numel() for parameter in separable().parameters())
    assert count == 9 * 4 + 4 * 6
    count = sum(parameter.numel() for parameter in separable(use_bias=True).parameters())
    assert count == 9 * 4 + 4 + 4 * 6 + 6


def test_the_first_half_makes_the_steps():
    halves = separable(stride=2)
    assert halves.depthwise(torch.rand(1, 4, 7, 8)).shape == (1, 4, 4, 4)
    assert halves(torch.rand(1, 4, 7, 8)).shape == (1, 6, 4, 4)


def test_each_half_has_its_own_normalisation_and_activation():
    halves = separable(inner_norm="before", inner_activation="tanh", norm="after", activation="relu")
    kinds = [type(module) for module in halves.modules() if not list(module.children())]
    assert kinds[:1] + kinds[2:5] == [nn.Conv2d, nn.Tanh, nn.Conv2d, nn.ReLU]
    assert [name for name, _ in halves.depthwise.named_children()] == ["conv", "norm", "activation"]
    assert [name for name, _ in halves.pointwise.named_children()] == ["conv", "activation", "norm"]
