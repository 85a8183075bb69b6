import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.networks.conv1d import Conv1d

SIGNALS = {"in_shape": [1, 40], "num_classes": 10}
PAPER = SIGNALS | {
    "filters": [25, 25, 25],
    "kernels": [5, 3, 3],
    "halving": "stride",
    "widths": [],
    "activation": "relu",
    "norm": "none",
    "dropout": 0.0,
}
POOLING = PAPER | {"filters": [32, 64], "kernels": [3, 3], "halving": "pool", "widths": [64]}


def conv1d(**changes):
    torch.manual_seed(0)
    return Conv1d(**PAPER | changes)


def pooling(**changes):
    return conv1d(**POOLING | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def shapes(network, shape):
    found = {}
    for name, module in network.features.named_children():
        module.register_forward_hook(
            lambda _m, _i, out, name=name: found.update({name: tuple(out.shape)[1:]})
        )
    network(torch.rand(2, *shape))
    return found


def test_the_network_of_the_paper_has_its_parameters():
    convolutions = (5 * 25 + 25) + 2 * (3 * 25 * 25 + 25)
    assert count(conv1d()) == convolutions + 5 * 25 * 10 + 10 == 5_210


def test_the_network_of_the_paper_halves_the_length_three_times():
    found = shapes(conv1d(), (1, 40))
    assert [found[f"conv{k}"] for k in (1, 2, 3)] == [(25, 19), (25, 10), (25, 5)]
    assert not any(name.startswith("pool") for name in found)


def test_the_network_of_the_paper_computes_what_its_formula_says():
    network, x = conv1d(), torch.rand(3, 1, 40)
    parts = network.features
    y = x
    for conv in (parts.conv1, parts.conv2, parts.conv3):
        y = F.relu(F.conv1d(y, conv.weight, conv.bias, stride=2, padding=1))
    torch.testing.assert_close(network(x), F.linear(y.flatten(1), network.output.weight, network.output.bias))


def test_the_pooling_network_has_the_parameters_and_shapes_counted_by_hand():
    assert count(pooling()) == (3 * 32 + 32) + (3 * 32 * 64 + 64) + (640 * 64 + 64) + 650 == 48_010
    found = shapes(pooling(), (1, 40))
    assert [found[name] for name in ("conv1", "pool1", "conv2", "pool2")] == [
        (32, 40),
        (32, 20),
        (64, 20),
        (64, 10),
    ]


@pytest.mark.parametrize(
    ("kernels", "halving", "length"),
    [
        ([5, 3, 3], "stride", 3),
        ([5, 3, 3], "pool", 10),
        ([3, 3], "pool", 4),
        ([1, 2], "stride", 3),
        ([9], "pool", 8),
    ],
)
def test_the_least_signal_is_the_least(kernels, halving, length):
    changes = {"kernels": kernels, "filters": [4] * len(kernels), "halving": halving}
    assert conv1d(**changes, in_shape=[2, length])(torch.rand(2, 2, length)).shape == (2, 10)
    with pytest.raises(ValueError, match=rf"requires signals of at least {length}, got 2x{length - 1}; use "):
        conv1d(**changes, in_shape=[2, length - 1])
    features = conv1d(**changes, in_shape=[2, length]).features
    with pytest.raises(RuntimeError):
        features(torch.rand(2, 2, length - 1))


@pytest.mark.parametrize("length", range(14, 60, 7))
@pytest.mark.parametrize("halving", ["pool", "stride"])
@pytest.mark.parametrize("kernels", [[5, 3, 3], [1, 2, 4], [7, 2]])
def test_any_longer_signal_fits(length, halving, kernels):
    network = conv1d(
        in_shape=[3, length], kernels=kernels, filters=[4] * len(kernels), halving=halving, widths=[8]
    )
    assert network(torch.rand(2, 3, length)).shape == (2, 10)


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("none", ["conv1", "conv1_activation", "pool1"]),
        ("before", ["conv1", "conv1_norm", "conv1_activation", "pool1"]),
        ("after", ["conv1", "conv1_activation", "conv1_norm", "pool1"]),
    ],
)
def test_normalisation_has_its_place(norm, order):
    names = [name for name, _ in pooling(norm=norm).features.named_children()]
    assert names[: len(order)] == order


def test_dropout_is_in_front_of_the_output():
    network, x = conv1d(dropout=0.5), torch.rand(2, 1, 40)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_the_activation_is_everywhere():
    network = pooling(activation="tanh")
    assert sum(isinstance(module, nn.Tanh) for module in network.modules()) == 3
    assert not any(isinstance(module, nn.ReLU) for module in network.modules())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"filters": [25, 0, 25]},
            r"^filters must be positive, got \[25, 0, 25\]; set network.filters=\[32,32\]$",
        ),
        ({"kernels": [0, 3, 3]}, r"^kernels must be positive, got \[0, 3, 3\]; "),
        (
            {"kernels": [5, 3]},
            r"^kernels must be one for each of the 3 filters, got \[5, 3\]; set network.kernels=\[3, 3, 3\]$",
        ),
        ({"widths": [0]}, r"^widths must be positive, got \[0\]; "),
        ({"dropout": 1.0}, r"^dropout must be in \[0, 1\), got 1.0; "),
        (
            {"in_shape": [1, 28, 28]},
            r"^conv1d with kernels=\[5, 3, 3\] requires signals of channels x length, got samples of 1x28x28; use ",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        conv1d(**changes)
