"""The decoder mirrors the encoder."""

import pytest
import torch
from torch import nn

from podium.networks.autoencoder import Autoencoder


def make(**changes):
    values = {
        "in_shape": [1, 4, 6],
        "widths": [10, 5, 2],
        "activation": "sigmoid",
        "code_activation": "none",
        "output_activation": "sigmoid",
        "dropout": 0.0,
    }
    return Autoencoder(**(values | changes))


def test_the_decoder_has_the_encoders_sizes_the_other_way_round():
    sizes = [(m.in_features, m.out_features) for m in make().modules() if isinstance(m, nn.Linear)]
    assert sizes == [(24, 10), (10, 5), (5, 2), (2, 5), (5, 10), (10, 24)]


def test_the_code_and_the_output_have_activations_of_their_own():
    network = make()
    assert sum(isinstance(m, nn.Sigmoid) for m in network.encoder) == 2
    torch.nn.init.constant_(network.encoder.encode3.bias, -9.0)
    torch.nn.init.constant_(network.output.bias, -9.0)
    sample = torch.randn(50, 1, 4, 6)
    assert network.encoder(sample).shape == (50, 2)
    assert network.encoder(sample).max() < 0
    assert network(sample).shape == (50, 1, 4, 6)
    assert network(sample).min() > 0
    linear = make(output_activation="none")
    linear.load_state_dict(network.state_dict())
    assert linear(sample).max() < 0


def test_dropout_follows_every_hidden_layer():
    network = make(dropout=0.5)
    assert sum(isinstance(m, nn.Dropout) for m in network.modules()) == 5
    sample = torch.rand(1, 1, 4, 6)
    assert not torch.equal(network(sample), network(sample))
    network.eval()
    assert torch.equal(network(sample), network(sample))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": []}, r"widths must be positive, got \[0\]; set network.widths=\[256\]"),
        ({"widths": [4, 0]}, r"got \[4, 0\]"),
        ({"dropout": 1.0}, "got 1.0; 0 switches it off"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        make(**changes)
