import pytest
import torch
from torch import nn

from podium.networks.recurrent import Recurrent

PLAIN = {
    "in_shape": [2, 12],
    "num_classes": 5,
    "cell": "rnn",
    "widths": [6],
    "bidirectional": False,
    "readout": "last",
    "truncate": None,
    "dropout": 0.0,
    "forget_bias": None,
}


def recurrent(**changes):
    torch.manual_seed(0)
    if changes.get("cell") == "lstm":
        changes = {"forget_bias": 1.0} | changes
    return Recurrent(**PLAIN | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3), ("gru_reset_first", 3)])
def test_parameters_follow_from_the_formula(cell, gates):
    def layer(fan_in, hidden):
        return gates * hidden * (fan_in + hidden + 2)  # two biases, as in torch

    assert count(recurrent(cell=cell)) == layer(2, 6) + (6 + 1) * 5
    stacked = recurrent(cell=cell, widths=[6, 4], bidirectional=True, readout="all")
    assert count(stacked) == 2 * layer(2, 6) + 2 * layer(12, 4) + (8 * 12 + 1) * 5


def test_the_network_of_the_mnist1d_paper_has_its_parameters():
    network = recurrent(in_shape=[1, 40], num_classes=10, cell="gru", bidirectional=True, readout="all")
    assert count(network) == 2 * 3 * 6 * (1 + 6 + 2) + (480 + 1) * 10 == 5_134


def test_layers_are_torchs_stack_with_the_same_weights():
    network, x = recurrent(cell="lstm", widths=[6, 6], bidirectional=True), torch.randn(3, 2, 12)
    theirs = nn.LSTM(2, 6, num_layers=2, bidirectional=True, batch_first=True)
    state = {
        name.replace("_l0", f"_l{k}"): value
        for k, layer in enumerate(network.layers)
        for name, value in layer.state_dict().items()
    }
    theirs.load_state_dict(state)
    _, (hidden, _) = theirs(x.transpose(1, 2))
    expected = network.output(torch.cat([hidden[-2], hidden[-1]], 1))
    torch.testing.assert_close(network(x), expected)


@pytest.mark.parametrize("readout", ["last", "mean", "all"])
def test_what_the_output_sees(readout):
    network, x = recurrent(readout=readout), torch.randn(3, 2, 12)
    steps, _ = network.layers[0](x.transpose(1, 2))
    seen = {"last": steps[:, -1], "mean": steps.mean(1), "all": steps.flatten(1)}[readout]
    torch.testing.assert_close(network(x), network.output(seen))


@pytest.mark.parametrize("readout", ["last", "mean", "all"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru_reset_first"])
def test_a_padded_batch_gives_what_its_sequences_give_one_by_one(cell, readout):
    network = recurrent(cell=cell, widths=[6, 4], bidirectional=True, readout=readout).eval()
    x = torch.randn(3, 2, 12)
    lengths = [12, 5, 1]
    for row, length in enumerate(lengths):
        x[row, :, length:] = torch.nan
    together = network(x)
    for row, length in enumerate(lengths):
        alone = x[row : row + 1, :, :length]
        if readout == "all":  # the output wants all its inputs: behind the end they are zero
            alone = torch.cat([alone, torch.full((1, 2, 12 - length), torch.nan)], 2)
        torch.testing.assert_close(network(alone)[0], together[row])


def test_dropout_is_behind_every_layer():
    network, x = recurrent(widths=[6, 6], dropout=0.5), torch.randn(3, 2, 12)
    assert [drop.p for drop in network.dropouts] == [0.5, 0.5]
    torch.manual_seed(3)
    seen = network(x)
    torch.manual_seed(3)
    first, _ = network.layers[0](x.transpose(1, 2))
    second, _ = network.layers[1](nn.functional.dropout(first, 0.5))
    torch.testing.assert_close(seen, network.output(nn.functional.dropout(second[:, -1], 0.5)))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"widths must be positive, got \[0\]; set network.widths"):
        recurrent(widths=[])
    with pytest.raises(
        ValueError, match=r"cell=gru requires signals of channels x length, got .* 1x8x8; use"
    ):
        recurrent(cell="gru", in_shape=[1, 8, 8])
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), got 1"):
        recurrent(dropout=1.0)
