import logging

import pytest
import torch
from torch import nn

from podium.networks.lecture_cnn import LectureCNN


def lecture_cnn(**changes):
    values = {
        "in_shape": [1, 28, 28],
        "num_classes": 10,
        "filters": [32, 32],
        "widths": [64],
        "activation": "relu",
        "norm": "none",
        "use_bias": True,
        "padding": "fit",
    }
    return LectureCNN(**values | changes)


def paddings(network):
    return [module.padding for module in network.modules() if isinstance(module, nn.Conv2d)]


def test_fit_is_valid_where_the_maps_stay_large_enough(caplog):
    caplog.set_level(logging.INFO)
    for size in (28, 10):
        assert paddings(lecture_cnn(in_shape=[1, size, size])) == [(0, 0), (0, 0)]
    assert not caplog.records


@pytest.mark.parametrize("size", [9, 8, 4])
def test_fit_is_same_where_they_would_vanish_and_says_so_in_one_line(size, caplog):
    caplog.set_level(logging.INFO)
    network = lecture_cnn(in_shape=[1, size, size])
    assert paddings(network) == [(1, 1), (1, 1)]
    assert network(torch.rand(2, 1, size, size)).shape == (2, 10)
    assert [record.getMessage() for record in caplog.records] == [
        f"padding=fit uses same padding: valid padding needs images of at least 10x10, got {size}x{size}"
    ]


def test_valid_on_small_images_is_refused_with_a_remedy():
    with pytest.raises(
        ValueError, match=r"requires images of at least 10x10, got 1x8x8; set network.padding=fit"
    ):
        lecture_cnn(in_shape=[1, 8, 8], padding="valid")


def test_images_too_small_for_the_pooling_are_refused():
    with pytest.raises(
        ValueError, match=r"of 2 blocks with padding=fit requires images of at least 4x4, got 1x3x9"
    ):
        lecture_cnn(in_shape=[1, 3, 9])


def test_signals_are_refused():
    with pytest.raises(
        ValueError, match=r"requires images of channels x height x width, got samples of 1x40; use"
    ):
        lecture_cnn(in_shape=[1, 40])


def test_images_need_not_be_square():
    assert lecture_cnn(in_shape=[2, 20, 13])(torch.rand(2, 2, 20, 13)).shape == (2, 10)


@pytest.mark.parametrize(
    ("norm", "order"), [("before", ["norm", "activation"]), ("after", ["activation", "norm"])]
)
def test_normalisation_goes_before_or_after_the_activation_of_the_convolutions_only(norm, order):
    network = lecture_cnn(norm=norm)
    names = [name for name, _ in network.features.named_children()]
    assert names[:4] == ["conv1", *(f"conv1_{part}" for part in order), "pool1"]
    assert not any(isinstance(module, nn.BatchNorm1d) for module in network.modules())


def test_the_convolutions_biases_can_be_left_out():
    network = lecture_cnn(norm="before", use_bias=False)
    assert network.features.conv1.bias is None
    assert network.hidden.dense1.bias is not None


@pytest.mark.parametrize(("key", "value"), [("filters", [0]), ("widths", [-1])])
def test_sizes_below_one_are_refused(key, value):
    with pytest.raises(ValueError, match=rf"^{key} must be positive, got \[{value[0]}\]; set network.{key}="):
        lecture_cnn(**{key: value})


def test_steps_of_two_take_the_place_of_pooling_with_the_same_parameters():
    pooled, strided = lecture_cnn(padding="same"), lecture_cnn(padding="same", halving="stride")
    assert not any(isinstance(module, nn.MaxPool2d) for module in strided.modules())
    assert [m.stride for m in strided.modules() if isinstance(m, nn.Conv2d)] == [(2, 2), (2, 2)]
    shapes = [[p.shape for p in network.parameters()] for network in (pooled, strided)]
    assert shapes[0] == shapes[1]
    for side in (9, 15, 28):  # an odd side leaves one place more than pooling does
        images = torch.rand(2, 1, side, side)
        assert lecture_cnn(in_shape=[1, side, side], halving="stride")(images).shape == (2, 10)
