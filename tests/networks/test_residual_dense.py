import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.networks.residual_dense import ResidualDense


def residual_dense(**changes):
    values = {
        "in_shape": [1, 40],
        "num_classes": 10,
        "units": 100,
        "layers": 2,
        "activation": "relu",
        "norm": "none",
    }
    torch.manual_seed(0)
    return ResidualDense(**values | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_perceptron_of_the_paper_has_its_parameters():
    assert count(residual_dense()) == 40 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10 == 15_210


def test_the_perceptron_of_the_paper_adds_the_second_layer_to_the_first():
    network, x = residual_dense(), torch.rand(3, 1, 40)
    first, second = network.first.dense, network.inner[0].path.dense
    hidden = F.relu(F.linear(x.flatten(1), first.weight, first.bias))
    hidden = hidden + F.relu(F.linear(hidden, second.weight, second.bias))
    torch.testing.assert_close(network(x), F.linear(hidden, network.output.weight, network.output.bias))


def test_an_inner_layer_that_is_silent_passes_its_input_on():
    skip, x = residual_dense().inner[0], torch.rand(2, 100)
    assert not torch.equal(skip(x), x)
    for parameter in skip.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(skip(x), x)


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_every_layer_but_the_first_has_a_skip(layers):
    network = residual_dense(layers=layers, units=8, in_shape=[3, 4, 4])
    assert len(network.inner) == layers - 1
    assert network(torch.rand(2, 3, 4, 4)).shape == (2, 10)


@pytest.mark.parametrize(
    ("norm", "order"),
    [
        ("none", ["dense", "dense_activation"]),
        ("before", ["dense", "dense_norm", "dense_activation"]),
        ("after", ["dense", "dense_activation", "dense_norm"]),
    ],
)
def test_normalisation_has_its_place(norm, order):
    network = residual_dense(norm=norm, activation="tanh")
    for part in (network.first, network.inner[0].path):
        assert [name for name, _ in part.named_children()] == order
        assert isinstance(part.dense_activation, nn.Tanh)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, r"^units must be positive, got \[0\]; set network.units=100$"),
        ({"layers": 0}, r"^layers must be positive, got \[0\]; set network.layers=2$"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        residual_dense(**changes)
