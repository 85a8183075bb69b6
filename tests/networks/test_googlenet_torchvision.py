"""GoogLeNet with batch normalisation is torchvision's: parameters, answers, a training step, and states both ways."""

import pytest
import torch
from inception_twins import assert_same_auxiliary_step
from inceptions import count, options
from torch import nn
from torchvision.models import googlenet as torchvisions
from twins import assert_same_logits, assert_states_convert_both_ways, twins

from podium.layers.naming import Published, from_torchvision
from podium.networks.googlenet import GoogLeNet
from podium.run.costs import network_costs

TORCHVISION = options("googlenet", "googlenet_bn") | {"in_shape": [3, 224, 224], "num_classes": 1000}


def googlenet(**changes):
    torch.manual_seed(0)
    return GoogLeNet(**TORCHVISION | changes)


def on_paper(**changes):
    with torch.device("meta"):
        return googlenet(**changes)


def make_twins():
    return twins(lambda: GoogLeNet(**TORCHVISION), lambda: torchvisions(init_weights=False, aux_logits=True))


@pytest.fixture(scope="module")
def pair():
    return make_twins()


def test_the_form_of_torchvision_has_its_parameters():
    network = on_paper(auxiliary=False)
    assert count(network) == 6_624_904  # in the facts of torchvision's weights
    assert round(network_costs(network, TORCHVISION["in_shape"])["multiply_adds"] / 1e9, 3) == 1.498


@pytest.mark.parametrize("side", [224, 97])
def test_the_form_of_torchvision_is_torchvisions_in_evaluation(pair, side):
    assert_same_logits(*pair, torch.randn(2, 3, side, side))


@pytest.mark.parametrize("change", [{"form": "paper"}, {"local_response_norm": True}])
def test_other_forms_are_not(pair, change):
    ours, theirs = pair
    other = googlenet(**change)
    state = {
        key: tensor
        for key, tensor in ours.state_dict().items()
        if other.state_dict()[key].shape == tensor.shape
    }
    other.load_state_dict(state, strict=False)
    with pytest.raises(AssertionError):
        assert_same_logits(other, theirs, torch.randn(2, 3, 64, 64))


def test_transformed_inputs_are_torchvisions(pair):
    _, theirs = pair
    ours = googlenet(transform_input=True)
    ours.load_state_dict(from_torchvision(ours, theirs.state_dict()))
    x = torch.randn(2, 3, 64, 64)
    with pytest.raises(AssertionError):
        assert_same_logits(ours, theirs, x)
    theirs.transform_input = True
    assert_same_logits(ours, theirs, x)
    theirs.transform_input = False


def test_states_convert_both_ways(pair):
    assert_states_convert_both_ways(*pair)


def test_one_training_step_is_torchvisions():
    assert_same_auxiliary_step(
        *make_twins(), torch.randn(4, 3, 96, 80), torch.tensor([3, 997, 0, 3]), weight=0.3
    )


def test_one_training_step_is_another_with_one_dropout_less():
    ours, theirs = make_twins()
    ours.auxiliary2.dropout.p = 0.0
    with pytest.raises(AssertionError, match=r"inception|conv|aux"):
        assert_same_auxiliary_step(
            ours, theirs, torch.randn(2, 3, 64, 64), torch.tensor([3, 997]), weight=0.3
        )


def test_torchvision_has_one_form_alone(monkeypatch):
    monkeypatch.setattr(nn.Conv2d, "reset_parameters", lambda _: None)  # most of the time goes there
    network = on_paper(dropout=0.1, num_classes=10, transform_input=True, auxiliary=False)
    assert isinstance(network, Published)
    assert network.torchvision_name() == "googlenet"
    changes = [
        {"form": "paper"},
        {"norm": "after"},
        {"use_bias": True},
        {"local_response_norm": True},
        {"activation": "tanh"},
        {"width": 0.5},
        {"stem": "small"},
        {"in_shape": [1, 224, 224]},
    ]
    assert [on_paper(auxiliary=False, **change).torchvision_name() for change in changes] == [None] * len(
        changes
    )
