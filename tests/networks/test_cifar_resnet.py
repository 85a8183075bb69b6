import pytest
import torch
from torch import nn

from podium.networks.cifar_resnet import CifarResNet, HalvingShortcut


def resnet(**changes):
    values = {
        "in_shape": [3, 32, 32],
        "num_classes": 10,
        "depth": 20,
        "width": 16,
        "activation": "relu",
        "residual": True,
    }
    return CifarResNet(**values | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_every_depth_has_the_published_number_of_parameters(depth, millions):
    network = resnet(depth=depth)
    assert round(count(network) / 1e6, 1 if millions > 1 else 2) == millions
    assert sum(isinstance(module, nn.Conv2d | nn.Linear) for module in network.modules()) == depth


def test_resnet_20_has_the_number_of_parameters_counted_by_hand():
    first = 3 * 9 * 16
    stage1 = 6 * 16 * 9 * 16
    stage2 = 16 * 9 * 32 + 5 * 32 * 9 * 32
    stage3 = 32 * 9 * 64 + 5 * 64 * 9 * 64
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    assert count(resnet()) == first + stage1 + stage2 + stage3 + norms + 64 * 10 + 10 == 269_722


def test_the_plain_twin_has_the_same_parameters_and_computes_something_else():
    residual, plain = resnet(), resnet(residual=False)
    plain.load_state_dict(residual.state_dict())
    x = torch.rand(2, 3, 32, 32)
    assert not torch.allclose(residual.eval()(x), plain.eval()(x))


def test_option_a_takes_every_second_pixel_and_adds_channels_of_zeros():
    x = torch.rand(2, 3, 6, 6)
    y = HalvingShortcut(extra=2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y.shape == (2, 5, 3, 3)
    assert not y[:, 3:].any()


def test_a_residual_block_whose_convolutions_are_silent_passes_its_input_on():
    block = resnet().stage1[0].eval()
    nn.init.zeros_(block.norm2.weight)
    x = torch.rand(2, 16, 8, 8)
    assert torch.equal(block(x), x)
    block.shortcut = None
    assert not block(x).any()


def test_the_stages_have_the_maps_of_the_paper():
    network = resnet()
    x = network.activation(network.norm(network.conv(torch.rand(2, 3, 32, 32))))
    shapes = []
    for stage in (network.stage1, network.stage2, network.stage3):
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 17, 9)])
def test_other_images_fit(shape):
    assert resnet(depth=8, in_shape=shape)(torch.rand(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 21}, r"^depth must be 6n \+ 2, got 21; set network.depth to 20, 32, 44, 56 or 110$"),
        ({"depth": 2}, r"^depth must be 6n \+ 2, got 2; "),
        ({"width": 0}, r"^width must be positive, got \[0\]; set network.width=16$"),
        (
            {"in_shape": [1, 40]},
            r"^cifar_resnet requires images of channels x height x width, got samples of 1x40",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        resnet(**changes)
