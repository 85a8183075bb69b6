"""What the contract tests of networks are made of finds what it is there to find."""

from dataclasses import replace

import pytest
import torch
from network_cases import calls_in_a_pass, case_of, composed, figures, is_frozen, larger, unreached
from torch import nn


class Careless(nn.Module):
    """One activation used twice, and a layer that the output does not need."""

    def __init__(self):
        super().__init__()
        self.first, self.idle, self.output = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.activation = nn.ReLU()

    def forward(self, x):
        return self.output(self.activation(self.activation(self.first(x))))


def test_a_parameter_that_the_output_does_not_need_is_found():
    network = Careless()
    network(torch.rand(8, 4)).sum().backward()
    assert unreached(network) == {"idle.weight", "idle.bias"}


def test_an_activation_that_is_used_twice_is_found():
    calls = calls_in_a_pass(Careless(), torch.rand(2, 4))
    assert {name for name, times in calls.items() if times > 1} == {"activation"}


def test_another_activation_inside_a_network_is_seen_in_its_figures():
    case = case_of("lecture_cnn")
    frozen = figures(case)
    assert is_frozen(figures(case), frozen)
    composed("lecture_cnn", "digits").network.activation = "leaky_relu"
    try:
        assert not is_frozen(figures(case), frozen)
    finally:
        composed("lecture_cnn", "digits").network.activation = "relu"


@pytest.mark.parametrize(
    ("refusal", "wanted"),
    [
        ("xception requires images of at least 71x71, got 1x28x28; use larger images", (1, 71, 71)),
        ("conv1d requires signals of channels x length, got samples of 1x28x28; use ...", (1, 40)),
        ("c3d requires volumes of channels x frames x height x width, got 1x28x28; use ...", (1, 8, 16, 16)),
        ("char_rnn requires sequences of symbols, got samples of 1x28x28; use ...", (12,)),
        ("neural requires pairs of a user and an item with a rating, got samples of 1x28x28; use ...", (2,)),
        ("xception requires images of at least 28x28, got 1x28x28; asked for what it has", None),
        ("depth must be one of 18, 34, got 20; set network.depth=18", None),
    ],
)
def test_a_refusal_says_which_samples_to_try(refusal, wanted):
    assert larger((1, 28, 28), refusal) == wanted


def test_a_network_of_few_filters_learns_with_twice_as_many():
    narrow = case_of("cifar_plain20")
    assert replace(narrow, shape=(3, 28, 28), width=2 * narrow.width) == narrow.to_learn()
    assert case_of("vgg16").to_learn().width == case_of("vgg16").width
