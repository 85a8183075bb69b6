import pytest
import torch
from torch import nn

from podium.networks.dense import Dense, Linear


def dense(**changes):
    values = {
        "in_shape": [1, 8, 8],
        "num_classes": 10,
        "widths": [20, 10],
        "activation": "relu",
        "dropout": 0.0,
        "norm": "none",
        "use_bias": True,
        "output_too": False,
    }
    return Dense(**values | changes)


def kinds(network):
    skipped = (nn.Sequential, nn.Identity, Dense)
    return [type(module).__name__ for module in network.modules() if not isinstance(module, skipped)]


def test_linear_is_one_matrix_on_the_flattened_sample():
    network = Linear(in_shape=[2, 3], num_classes=4)
    x = torch.rand(5, 2, 3)
    assert torch.allclose(network(x), x.reshape(5, 6) @ network.output.weight.T + network.output.bias)


def test_a_signal_is_as_good_as_an_image():
    assert dense(in_shape=[1, 40])(torch.rand(2, 1, 40)).shape == (2, 10)


def test_dropout_follows_every_hidden_layer_and_spares_the_output():
    hidden = ["Linear", "ReLU", "Dropout"]
    assert kinds(dense(dropout=0.2)) == ["Flatten", *hidden, *hidden, "Linear"]


def test_dropout_of_the_output_is_a_choice():
    assert kinds(dense(dropout=0.2, output_too=True))[-2:] == ["Linear", "Dropout"]


@pytest.mark.parametrize(
    ("norm", "hidden"),
    [("before", ["Linear", "BatchNorm1d", "ReLU"]), ("after", ["Linear", "ReLU", "BatchNorm1d"])],
)
def test_both_orders_of_normalisation_and_activation(norm, hidden):
    assert kinds(dense(norm=norm)) == ["Flatten", *hidden, *hidden, "Linear"]


def test_the_output_keeps_its_bias_unless_it_is_normalised():
    network = dense(norm="before", use_bias=False)
    assert network.hidden.dense1.bias is None
    assert network.output.bias is not None
    normalized = dense(norm="before", use_bias=False, output_too=True)
    assert normalized.output.bias is None
    assert isinstance(normalized.output_norm, nn.BatchNorm1d)


def test_a_bias_in_front_of_a_normalisation_changes_nothing():
    network = dense(norm="before")
    x = torch.rand(16, 1, 8, 8)
    before = network(x)
    nn.init.constant_(network.hidden.dense1.bias, 3.0)
    torch.testing.assert_close(network(x), before, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": [0]}, r"^widths must be positive, got \[0\]; set network.widths=\[32\]$"),
        ({"dropout": 1.5}, r"^dropout must be in \[0, 1\), got 1.5; 0 switches it off$"),
        ({"output_too": True}, r"^output_too must go with dropout or norm, got neither; "),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dense(**changes)
