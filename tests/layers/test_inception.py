import math

import pytest
import torch
from torch import nn

from podium.layers.inception import (
    AuxiliaryPool,
    Units,
    beside,
    chain,
    check_auxiliary_weight,
    keep,
    max_pool,
    naive_module,
    named,
    reduced_module,
    stateful,
    stem_v3,
    symmetric_input,
)


def units(**changes):
    values = {"width": 1.0, "activation": "relu", "norm": "none", "use_bias": True, "norm_eps": 1e-3}
    return Units(**values | changes)


def made(maker, fan_in=3):
    torch.manual_seed(0)
    return maker(fan_in)


def conv_parameters(module):
    convs = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return [sum(parameter.numel() for parameter in conv.parameters()) for conv in convs]


def reduced(**changes):
    return reduced_module(units(**changes), one=64, three=(64, 64), five=(64, 64), pool=64)


def test_the_module_with_reductions_has_the_figures_of_the_catalogue():
    with torch.device("meta"):
        module, features = made(reduced())
        result = module(torch.zeros(1, 3, 112, 112))
    # The catalogue lists 256, 256, 36,928, 102,464 and 256, without the tower that is one 1x1 convolution of 256.
    only, three, five, pooled = (conv_parameters(tower) for tower in module.towers)
    assert only == [256]
    assert [*three[:1], *five[:1], *three[1:], *five[1:], *pooled] == [256, 256, 36_928, 102_464, 256]
    assert result.shape == (1, 256, 112, 112)
    assert features == 256


def test_the_naive_module_convolves_and_pools_all_maps_that_arrive():
    module, features = made(naive_module(units(), one=64, three=64, five=64))
    assert conv_parameters(module) == [256, 3 * 9 * 64 + 64, 3 * 25 * 64 + 64]
    x = torch.randn(2, 3, 9, 7)
    result = module(x)
    assert result.shape == (2, 195, 9, 7)
    assert features == 195
    assert torch.equal(result[:, 192:], nn.functional.max_pool2d(x, 3, 1, 1))


def test_towers_see_the_same_input_and_stand_in_order():
    module, features = made(
        beside(units().conv(2), chain(units().conv(3), units().conv(5, 3)), keep(max_pool))
    )
    x = torch.randn(2, 3, 6, 6)
    assert torch.equal(module(x), torch.cat([tower(x) for tower in module.towers], dim=1))
    assert features == 2 + 5 + 3


def test_a_third_tower_of_3x3_has_the_smaller_kernel():
    module, _ = made(reduced_module(units(), one=1, three=(1, 1), five=(1, 1), pool=1, largest=3))
    assert module.towers[2][1].conv.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("kernel", "stride", "valid", "expected"),
    [(1, 1, False, (9, 9)), ((1, 7), 1, False, (9, 9)), (3, 2, False, (5, 5)), (3, 2, True, (4, 4))],
)
def test_a_convolution_keeps_the_size_unless_it_strides_or_is_valid(kernel, stride, valid, expected):
    module, filters = made(units().conv(4, kernel, stride=stride, valid=valid))
    assert module(torch.zeros(1, 3, 9, 9)).shape == (1, filters, *expected)


def test_the_width_scales_filters_and_what_follows_is_told():
    module, features = made(named({"first": units(width=0.3).conv(10), "second": units(width=0.3).conv(1)}))
    assert (module.first.conv.out_channels, module.second.conv.in_channels, features) == (3, 3, 1)


def test_units_pass_their_style_on():
    unit, _ = made(units(norm="after", use_bias=False, activation="tanh", norm_scale=False).conv(4))
    assert [type(part).__name__ for part in unit] == ["Conv2d", "Tanh", "BatchNorm"]
    assert unit.conv.bias is None
    assert unit.norm.eps == 1e-3
    assert [key for key, _ in unit.norm.named_parameters()] == ["bias"]


def test_modules_made_by_one_maker_share_nothing():
    maker = reduced()
    first, second = made(maker)[0], made(maker)[0]
    assert not set(first.modules()) & set(second.modules())


@pytest.mark.parametrize(("stem", "side", "expected"), [("imagenet", 299, 35), ("small", 32, 32)])
def test_the_stem_of_version_3_has_the_maps_of_the_paper(stem, side, expected):
    with torch.device("meta"):
        module, features = made(named(stem_v3(units(), stem)))
        assert module(torch.zeros(1, 3, side, side)).shape == (1, 192, expected, expected)
    assert features == 192


@pytest.mark.parametrize(("side", "size", "expected"), [(4, 14, 4), (5, 17, 5), (5, 23, 7)])
def test_the_auxiliary_pooling_averages_5x5_with_stride_3(side, size, expected):
    x = torch.randn(2, 3, size, size)
    result = AuxiliaryPool(side)(x)
    assert result.shape == (2, 3, expected, expected)
    torch.testing.assert_close(result[:, :, 1, 0], x[:, :, 3:8, :5].mean(dim=(2, 3)))


@pytest.mark.parametrize(("side", "size"), [(4, 13), (5, 16), (4, 1)])
def test_the_auxiliary_pooling_leaves_enough_of_small_maps(side, size):
    x = torch.randn(2, 3, size, size)
    assert AuxiliaryPool(side)(x).shape == (2, 3, side, side)


def test_images_standardised_by_imagenet_become_pixels_between_minus_1_and_1():
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = torch.rand(2, 3, 5, 5)
    standardised = (pixels - mean[:, None, None]) / deviation[:, None, None]
    module, channels = symmetric_input(3)
    torch.testing.assert_close(module(standardised), 2 * pixels - 1)
    assert channels == 3
    assert not module.state_dict()


def test_grey_images_become_three_colours_for_published_weights():
    module, channels = symmetric_input(1)
    assert module(torch.rand(2, 1, 5, 5)).shape == (2, channels, 5, 5)


def test_other_colours_are_refused():
    message = r"^transform_input requires grey images or three colours, got 4 channels; set network.transform_input=false$"
    with pytest.raises(ValueError, match=message):
        symmetric_input(4)


@pytest.mark.parametrize("weight", [-0.1, math.inf, math.nan])
def test_an_auxiliary_weight_is_no_reward(weight):
    with pytest.raises(
        ValueError, match=rf"^auxiliary_weight must be at least 0 and finite, got {weight}; set"
    ):
        check_auxiliary_weight(weight)
    check_auxiliary_weight(0.0)


def test_the_stateful_modules_are_those_with_a_state():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Sequential(nn.BatchNorm2d(2)))
    assert stateful(network) == ["0", "2.0"]
