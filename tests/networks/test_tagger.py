import pytest
import torch

from podium.networks.tagger import Tagger

PLAIN = {
    "in_shape": [8],
    "num_classes": 5,
    "num_symbols": 11,
    "embedding": 4,
    "cell": "gru",
    "widths": [6],
    "dropout": 0.0,
    "forget_bias": None,
}


def tagger(**changes):
    torch.manual_seed(0)
    return Tagger(**PLAIN | changes)


def test_parameters_follow_from_the_formula():
    network = tagger(widths=[6, 3])
    first, second = 2 * 3 * 6 * (4 + 6 + 2), 2 * 3 * 3 * (12 + 3 + 2)
    assert sum(p.numel() for p in network.parameters()) == 11 * 4 + first + second + (6 + 1) * 5


def test_every_place_sees_both_sides_and_padding_changes_nothing():
    network, x = tagger(widths=[6, 6]), torch.randint(11, (3, 8)).float()
    filled = x.clone()
    filled[1, 5:], filled[2, 1:] = -1, -1
    together = network(filled)
    assert together.shape == (3, 5, 8)
    for row, length in enumerate((8, 5, 1)):
        torch.testing.assert_close(network(x[row : row + 1, :length])[0], together[row, :, :length])
    assert not torch.allclose(network(filled.clamp(min=0))[1, :, :5], together[1, :, :5])
    for place in (0, 7):
        other = x.clone()
        other[0, place] = (other[0, place] + 1) % 11
        assert (network(other)[0] != network(x)[0]).any(0).all()


def test_what_cannot_be_is_refused():
    for changes, said in (
        ({"in_shape": [1, 9]}, r"^tagger requires sequences of symbols, got samples of 1x9"),
        ({"widths": []}, r"^widths must be positive, got \[0\]"),
        ({"embedding": 0}, r"^embedding must be positive"),
    ):
        with pytest.raises(ValueError, match=said):
            tagger(**changes)
