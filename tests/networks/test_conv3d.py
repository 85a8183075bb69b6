from itertools import pairwise

import pytest
import torch
from torch import nn

from podium.networks.conv3d import Conv3d
from podium.run.costs import network_costs

C3D = {
    "in_shape": [3, 16, 112, 112],
    "num_classes": 487,
    "filters": [[64], [128], [256, 256], [512, 512], [512, 512]],
    "widths": [4096, 4096],
    "grid": [1, 4, 4],
    "width": 1.0,
    "activation": "relu",
    "norm": "none",
    "dropout": 0.5,
}
SMALL = C3D | {
    "in_shape": [1, 8, 16, 16],
    "num_classes": 7,
    "filters": [[4], [6, 8]],
    "widths": [16],
    "grid": [1, 2, 2],
}
# Feature maps behind each pooling, for clips of 16x112x112.
POOLED = [(64, 16, 56, 56), (128, 8, 28, 28), (256, 4, 14, 14), (512, 2, 7, 7), (512, 1, 4, 4)]


def on_paper(**changes):
    with torch.device("meta"):
        return Conv3d(**C3D | changes)


def small(**changes):
    torch.manual_seed(0)
    return Conv3d(**SMALL | changes)


@pytest.mark.parametrize(("classes", "parameters"), [(487, 79_991_015), (101, 78_409_573)])
def test_c3d_has_the_parameters_counted_by_hand(classes, parameters):
    sizes = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    convolutions = sum(27 * fan_in * filters + filters for fan_in, filters in pairwise(sizes))
    dense = (512 * 4 * 4 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * classes + classes)
    assert convolutions + dense == parameters
    assert sum(parameter.numel() for parameter in on_paper(num_classes=classes).parameters()) == parameters


def test_c3d_has_11_weight_layers_and_the_published_operations():
    costs = network_costs(on_paper(), C3D["in_shape"])
    assert costs["depth"] == 8 + 3
    assert round(costs["multiply_adds"] / 1e9, 1) == 38.5


def test_the_maps_of_c3d_have_the_sizes_of_the_paper():
    network, found = on_paper(), []
    for module in network.features:
        if isinstance(module, nn.MaxPool3d):
            module.register_forward_hook(lambda _m, _i, output: found.append(tuple(output.shape)[1:]))
    network.pool.register_forward_hook(
        lambda _m, inputs, output: found.append((inputs[0].shape, output.shape))
    )
    network(torch.empty(1, 3, 16, 112, 112, device="meta"))
    assert found[:-1] == POOLED
    before, behind = found[-1]
    assert before == behind


def test_the_averaging_that_other_sizes_need_changes_nothing_at_the_size_of_the_paper():
    x = torch.rand(2, 8, 1, 4, 4)
    assert torch.equal(small(grid=[1, 4, 4]).pool(x), x)


def test_the_first_pooling_keeps_the_frames():
    network = small()
    assert network.features.pool1(torch.rand(1, 4, 8, 16, 16)).shape == (1, 4, 8, 8, 8)
    assert network.features.pool2(torch.rand(1, 4, 8, 8, 8)).shape == (1, 4, 4, 4, 4)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 3, 5, 7), (1, 16, 28, 28), (4, 9, 8, 17)])
def test_volumes_and_clips_of_any_size_fit(shape):
    assert small(in_shape=shape)(torch.rand(2, *shape)).shape == (2, 7)


def test_frames_in_another_order_are_another_clip():
    network, x = small().eval(), torch.rand(2, 1, 8, 16, 16)
    assert not torch.allclose(network(x), network(x.flip(2)))


def test_width_multiplies_filters_and_dense_layers():
    network = small(width=0.5)
    convolutions = [module.out_channels for module in network.modules() if isinstance(module, nn.Conv3d)]
    assert convolutions == [2, 3, 4]
    assert network.hidden.dense1.out_features == 8
    assert small(width=1e-6)(torch.rand(2, 1, 8, 16, 16)).shape == (2, 7)


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("none", ["conv1_1", "conv1_1_activation", "pool1"]),
        ("before", ["conv1_1", "conv1_1_norm", "conv1_1_activation", "pool1"]),
        ("after", ["conv1_1", "conv1_1_activation", "conv1_1_norm", "pool1"]),
    ],
)
def test_normalisation_has_its_place(norm, order):
    network = small(norm=norm)
    assert [name for name, _ in network.features.named_children()][: len(order)] == order
    assert network(torch.rand(2, 1, 8, 16, 16)).shape == (2, 7)


def test_dropout_is_behind_every_dense_layer():
    network = on_paper()
    assert [name for name, _ in network.hidden.named_children() if name.startswith("drop")] == [
        "dropout1",
        "dropout2",
    ]
    x, network = torch.rand(2, 1, 8, 16, 16), small()
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_without_dense_layers_the_output_follows_the_maps():
    network = small(widths=[], dropout=0.0, grid=[1, 1, 1])
    assert network.output.in_features == 8
    assert network(torch.rand(2, 1, 8, 16, 16)).shape == (2, 7)


def test_the_activation_is_everywhere():
    network = small(activation="tanh")
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 4
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"filters": [[4], [0]]},
            r"^filters must be positive, got \[0\]; set network.filters=\[\[16\],\[32\]\]$",
        ),
        ({"filters": [[4], []]}, r"^filters must be positive, got \[0\]; "),
        ({"filters": []}, r"^filters must be positive, got \[0\]; "),
        ({"widths": [0]}, r"^widths must be positive, got \[0\]; set network.widths=\[64\]$"),
        ({"grid": [4, 4]}, r"^grid must be frames, height, width, got \[4, 4\]; set network.grid=\[1,1,1\]$"),
        ({"grid": [0, 4, 4]}, r"^grid must be frames, height, width, got \[0, 4, 4\]; "),
        ({"width": 0.0}, r"^width must be positive and finite, got 0.0; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        (
            {"widths": []},
            r"^dropout must go with dense layers, got 0.5 and none; set network.dropout=0.0$",
        ),
        (
            {"in_shape": [3, 32, 32]},
            r"^conv3d requires volumes of channels x frames x height x width, got samples of 3x32x32; use ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        small(**changes)
