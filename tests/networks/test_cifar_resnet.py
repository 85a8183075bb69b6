import pytest
import torch
from torch import nn

from podium.networks.cifar_resnet import CifarResNet
from podium.run.costs import network_costs

# Millions in the paper; the exact number, for 32x32x3 images and 10 classes.
PARAMETERS = {
    20: (0.27, 269_722),
    32: (0.46, 464_154),
    44: (0.66, 658_586),
    56: (0.85, 853_018),
    110: (1.7, 1_727_962),
}


def resnet(**changes):
    values = {
        "in_shape": [3, 32, 32],
        "num_classes": 10,
        "depth": 20,
        "shortcut": "A",
        "width": 1.0,
        "activation": "relu",
        "norm": "before",
        "use_bias": False,
    }
    return CifarResNet(**values | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return resnet(**changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("depth", PARAMETERS)
def test_every_depth_has_the_published_number_of_parameters(depth):
    millions, exact = PARAMETERS[depth]
    network = on_paper(depth=depth)
    assert count(network) == exact
    assert round(exact / 1e6, 1 if millions > 1 else 2) == millions
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == depth


def test_resnet_20_has_the_number_of_parameters_counted_by_hand():
    first = 3 * 9 * 16
    stage1 = 6 * 16 * 9 * 16
    stage2 = 16 * 9 * 32 + 5 * 32 * 9 * 32
    stage3 = 32 * 9 * 64 + 5 * 64 * 9 * 64
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    assert count(on_paper()) == first + stage1 + stage2 + stage3 + norms + 64 * 10 + 10 == 269_722


@pytest.mark.parametrize("shortcut", ["none", "A"])
def test_resnet_20_has_20_weight_layers_and_41_million_multiply_adds(shortcut):
    costs = network_costs(on_paper(shortcut=shortcut), [3, 32, 32])
    assert (costs["depth"], costs["multiply_adds"]) == (20, 40_551_040)


def test_projections_add_their_weights_and_normalisations():
    b = 16 * 32 + 32 * 64 + 2 * (32 + 64)
    c = b + 3 * 16 * 16 + 2 * 32 * 32 + 2 * 64 * 64 + 2 * (3 * 16 + 2 * 32 + 2 * 64)
    assert count(on_paper(shortcut="B")) == 269_722 + b
    assert count(on_paper(shortcut="C")) == 269_722 + c


def test_the_plain_twin_has_the_same_parameters_and_computes_something_else():
    residual, plain = resnet(), resnet(shortcut="none")
    plain.load_state_dict(residual.state_dict())
    x = torch.rand(2, 3, 32, 32)
    assert not torch.allclose(residual.eval()(x), plain.eval()(x))


def test_width_multiplies_all_filters():
    network = on_paper(width=0.5)
    assert [network.stem.conv.out_channels, network.output.in_features] == [8, 32]


def test_filters_that_no_width_tells_apart_are_still_halved_in_size():
    network = resnet(width=0.01, depth=8)
    x = network.stage2(network.stage1(network.stem(torch.rand(2, 3, 16, 16))))
    assert x.shape == (2, 1, 8, 8)


def test_the_stages_have_the_maps_of_the_paper():
    network = resnet()
    x = network.stem(torch.rand(2, 3, 32, 32))
    shapes = []
    for stage in (network.stage1, network.stage2, network.stage3):
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 8, 8), (1, 28, 28), (3, 17, 9)])
@pytest.mark.parametrize("shortcut", ["A", "C"])
def test_other_images_fit(shape, shortcut):
    network = resnet(depth=8, in_shape=shape, shortcut=shortcut)
    assert network(torch.rand(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 21}, r"^depth must be 6n \+ 2, got 21; set network.depth to 20, 32, 44, 56 or 110$"),
        ({"depth": 2}, r"^depth must be 6n \+ 2, got 2; "),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        (
            {"in_shape": [1, 40]},
            r"^cifar_resnet requires images of channels x height x width, got samples of 1x40",
        ),
        ({"in_shape": [1, 3, 8]}, r"^cifar_resnet requires images of at least 4x4, got 1x3x8; use "),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        resnet(**changes)
