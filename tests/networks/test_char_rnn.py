import pytest
import torch

from podium.networks.char_rnn import CharRnn
from podium.tricks.dropout import Dropout

PLAIN = {
    "in_shape": [12],
    "num_classes": 9,
    "cell": "gru",
    "embedding": 5,
    "widths": [6],
    "tied": False,
    "truncate": None,
    "dropout": 0.0,
    "forget_bias": None,
}


def char_rnn(**changes):
    torch.manual_seed(0)
    return CharRnn(**PLAIN | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_follow_from_the_formula_and_tied_ones_count_once():
    gru = 3 * 6 * (5 + 6 + 2)
    assert count(char_rnn()) == 9 * 5 + gru + (6 + 1) * 9
    assert count(char_rnn(tied=True, widths=[6, 5])) == 9 * 5 + gru + 3 * 5 * (6 + 5 + 2) + 9
    tied = char_rnn(tied=True, widths=[6, 5])
    assert tied.output.weight is tied.embedding.weight


def test_no_place_sees_what_comes_behind_it_and_padding_changes_nothing():
    network, x = char_rnn(widths=[6, 6]), torch.randint(9, (3, 12)).float()
    whole = network(x)
    assert whole.shape == (3, 9, 12)
    cut = x.clone()
    cut[:, 7:] = -1
    torch.testing.assert_close(network(cut)[:, :, :7], whole[:, :, :7])
    for row, length in enumerate((12, 5, 1)):
        torch.testing.assert_close(network(x[row : row + 1, :length])[0], whole[row, :, :length])
    assert not torch.allclose(network(cut)[:, :, 8:], whole[:, :, 8:])


def test_truncation_is_that_of_the_layers():
    assert [layer.truncate for layer in char_rnn(truncate=3, widths=[6, 6]).layers] == [3, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"in_shape": [1, 28, 28]},
            r"^char_rnn requires sequences of symbols, got samples of 1x28x28; use data=text",
        ),
        ({"tied": True}, r"^embedding must be the last width where both are tied, got 5 and \[6\]; set"),
        ({"widths": []}, r"^widths must be positive, got \[0\]"),
        ({"embedding": 0}, r"^embedding must be positive, got \[0\]"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        char_rnn(**changes)


def test_symbols_are_not_dropped_as_if_they_were_values():
    with pytest.raises(
        ValueError, match=r"input_p must be 0 where inputs are symbols, .* got 0\.2; leave it out"
    ):
        Dropout(p=0.1, input_p=0.2, output_p=0.0).edit_network(char_rnn())
    Dropout(p=0.1, input_p=0.0, output_p=0.0).edit_network(char_rnn())
