import pytest
import torch

from podium.networks.text_classifier import TextClassifier

PLAIN = {
    "in_shape": [8],
    "num_classes": 3,
    "num_symbols": 11,
    "embedding": 5,
    "cell": "lstm",
    "widths": [6],
    "bidirectional": True,
    "readout": "last",
    "dropout": 0.0,
    "forget_bias": 1.0,
}
BAG = {"widths": [], "readout": "mean", "bidirectional": False}


def classifier(**changes):
    torch.manual_seed(0)
    return TextClassifier(**PLAIN | changes)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_follow_from_the_formula():
    lstm = 4 * 6 * (5 + 6 + 2)
    assert count(classifier()) == 11 * 5 + 2 * lstm + (12 + 1) * 3
    assert count(classifier(**BAG)) == 11 * 5 + (5 + 1) * 3


@pytest.mark.parametrize("changes", [{}, {"readout": "mean"}, {"widths": [6, 4]}, BAG], ids=str)
def test_a_text_that_is_filled_up_gives_what_it_gives_alone(changes):
    network, x = classifier(**changes), torch.randint(11, (3, 8)).float()
    filled = x.clone()
    filled[1, 5:], filled[2, 1:] = -1, -1
    together = network(filled)
    for row, length in enumerate((8, 5, 1)):
        torch.testing.assert_close(network(x[row : row + 1, :length])[0], together[row])
    assert not torch.allclose(network(filled.clamp(min=0))[1:], together[1:])  # filling is no symbol


def test_the_bag_is_the_mean_of_the_embeddings_in_any_order():
    network = classifier(**BAG)
    x = torch.tensor([[1.0, 2.0, 2.0, -1.0]])
    mean = network.embedding.weight[[1, 2, 2]].mean(0)
    torch.testing.assert_close(network(x)[0], network.output(mean))
    torch.testing.assert_close(network(x[:, [2, 0, 1, 3]]), network(x))
    ordered = classifier()
    assert not torch.allclose(ordered(x[:, [2, 0, 1, 3]]), ordered(x))


def test_an_empty_text_gives_finite_logits():
    for changes in ({}, BAG):
        assert classifier(**changes)(torch.full((2, 8), -1.0)).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"in_shape": [1, 28, 28]},
            r"^text_classifier requires sequences of symbols, got samples of 1x28x28",
        ),
        ({"widths": []}, r"^readout must be mean where there are no recurrent layers, got last"),
        ({"num_symbols": 0}, r"^num_symbols must be positive, got \[0\]"),
        ({"cell": "gru"}, r"^forget_bias must be null for cell=gru"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        classifier(**changes)
