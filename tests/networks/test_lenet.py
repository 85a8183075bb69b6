import pytest
import torch
from torch import nn

from podium.networks.lenet import LeNet5


def lenet(**changes):
    values = {
        "in_shape": [1, 28, 28],
        "num_classes": 10,
        "activation": "relu",
        "pool": "max",
        "third": "linear",
    }
    return LeNet5(**values | changes)


@pytest.mark.parametrize("size", [28, 32])
def test_28_and_32_pixels_make_the_400_values_of_the_paper(size):
    network = lenet(in_shape=[1, size, size])
    assert network.features(torch.rand(1, 1, size, size)).shape == (1, 16, 5, 5)
    assert (network.hidden.dense1.in_features, network.hidden.dense1.out_features) == (400, 120)
    assert (network.hidden.dense2.out_features, network.output.out_features) == (84, 10)


def test_the_form_of_1998_has_the_maps_of_the_paper():
    network = lenet(third="conv", pool="average", activation="tanh")
    shapes = []
    for module in network.features:
        if isinstance(module, nn.Conv2d | nn.AvgPool2d):
            module.register_forward_hook(
                lambda _module, _inputs, output: shapes.append(tuple(output.shape[1:]))
            )
    network(torch.rand(1, 1, 28, 28))
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)]


def test_both_forms_compute_the_same_from_the_same_numbers():
    linear, conv = lenet(), lenet(third="conv")
    states = zip(conv.state_dict().items(), linear.state_dict().values(), strict=True)
    conv.load_state_dict({name: theirs.view_as(ours) for (name, ours), theirs in states})
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(conv(x), linear(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("third", ["linear", "conv"])
@pytest.mark.parametrize("size", [(29, 31), (40, 33)])
def test_larger_and_oblong_images_fit(third, size):
    assert lenet(in_shape=[3, *size], third=third)(torch.rand(2, 3, *size)).shape == (2, 10)


def test_digits_of_8x8_are_refused_with_a_remedy():
    message = (
        r"^lenet5 requires images of at least 28x28, got 1x8x8; "
        r"use network=lecture_cnn, or a data set of 28x28 such as data=mnist5k$"
    )
    with pytest.raises(ValueError, match=message):
        lenet(in_shape=[1, 8, 8])
