"""Threshold units and their wiring."""

import pytest
import torch

from podium.networks.adaline import Madaline
from podium.networks.perceptron import Perceptron


def make(**changes):
    values = {"in_shape": [1, 4, 5], "num_classes": 3, "associations": 50, "connections": 6}
    return Perceptron(**(values | changes))


def test_an_association_unit_sees_its_inputs_by_wires_of_one_sign_each_that_are_not_trained():
    network = make()
    wires = network.association.wires
    assert wires.shape == (50, 20)
    assert (wires != 0).sum(1).tolist() == [6] * 50
    assert set(wires.unique().tolist()) == {-1.0, 0.0, 1.0}
    assert [name for name, _ in network.named_parameters()] == ["output.weight", "output.bias"]


def test_an_association_unit_is_on_where_its_inputs_sum_up_to_more_than_zero():
    network = make()
    sample = torch.randn(7, 20)
    on = network.association(sample)
    assert torch.equal(on, ((network.association.wires[None] * sample[:, None]).sum(2) > 0).float())
    assert not network.association(torch.zeros(1, 20)).any()


@pytest.mark.parametrize("values", [{"associations": -1}, {"connections": 0}])
def test_units_without_wires_are_refused(values):
    with pytest.raises(ValueError, match=r"set network.associations=512 network.connections=40"):
        make(**values)


def test_a_vote_has_the_sign_of_the_majority_and_sums_decide_between_equal_votes():
    network = Madaline(in_shape=[4], num_classes=3, adalines=3)
    sums = torch.tensor([[0.1, 0.1, -90.0, -0.1, -0.1, 90.0, 0.2, 0.1, -80.0]])
    votes = network.vote(sums)
    assert torch.equal(votes > 0, torch.tensor([[True, False, True]]))
    assert votes[0, 2] >= votes[0, 0] > 0


@pytest.mark.parametrize("adalines", [0, 2, -1])
def test_votes_that_could_be_tied_are_refused(adalines):
    with pytest.raises(ValueError, match=rf"adalines must be odd, got {adalines}; set"):
        Madaline(in_shape=[4], num_classes=3, adalines=adalines)
