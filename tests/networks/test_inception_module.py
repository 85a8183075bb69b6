import pytest
import torch

from podium.networks.inception_module import InceptionModule


def network(**changes):
    values = {
        "in_shape": [3, 112, 112],
        "num_classes": 10,
        "reduced": True,
        "width": 1.0,
        "activation": "relu",
        "norm": "none",
        "use_bias": True,
    }
    return InceptionModule(**values | changes)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_module_with_reductions_has_the_parameters_of_the_catalogue():
    by_hand = 4 * 256 + 36_928 + 102_464
    assert count(network().inception) == by_hand
    assert count(network()) == by_hand + 256 * 10 + 10 == 142_986


def test_the_naive_module_has_fewer_because_three_maps_arrive():
    by_hand = 256 + (9 * 3 * 64 + 64) + (25 * 3 * 64 + 64)
    assert count(network(reduced=False)) == by_hand + (3 * 64 + 3) * 10 + 10 == 8_872


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 17, 9), (3, 1, 1)])
@pytest.mark.parametrize("reduced", [True, False])
def test_images_of_any_size_fit(reduced, shape):
    assert network(reduced=reduced, width=0.25, in_shape=shape)(torch.rand(2, *shape)).shape == (2, 10)


def test_signals_are_refused():
    message = (
        r"^inception_module requires images of channels x height x width, got samples of 1x40; use a dense"
    )
    with pytest.raises(ValueError, match=message):
        network(in_shape=[1, 40])
