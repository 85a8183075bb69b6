import copy
import pickle

import pytest
import torch
from torch import nn

from podium.layers.surgery import insert_after, insert_before, is_activation, named_originals, replace


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


class AddOne(nn.Module):
    def forward(self, x):
        return x + 1


def small_network():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def relu_only(_name, module):
    return isinstance(module, nn.ReLU)


def test_an_inserted_module_runs_on_the_output_of_the_module_it_follows():
    network = small_network()
    x = torch.randn(5, 3)
    expected = network[2](2 * network[1](network[0](x)))
    edited = insert_after(network, relu_only, Double, what="a relu")
    assert torch.equal(edited(x), expected)


def test_insertions_at_one_place_run_in_the_order_they_were_made():
    network = nn.Sequential(nn.Identity())
    for make in (Double, AddOne):
        insert_after(network, lambda name, _: name == "0", make, what="the identity")
    assert network(torch.tensor(3.0)).item() == 7


def test_a_module_inserted_after_a_sequence_runs_once():
    network = nn.Sequential(nn.Sequential(nn.Identity()), nn.Identity())
    insert_after(network, lambda name, _: name in ("", "0"), AddOne, what="a sequence")
    assert network(torch.tensor(0.0)).item() == 2


def test_inserting_after_a_layer_keeps_its_type_and_parameter_names():
    network = small_network()
    names = list(network.state_dict())
    insert_after(network, lambda name, _: name == "2", lambda: nn.Dropout(0.5), what="the output layer")
    assert list(network.state_dict()) == names
    assert isinstance(network[2], nn.Linear)


def test_an_inserted_module_with_parameters_adds_its_own_and_obeys_eval():
    network = small_network()
    insert_after(network, relu_only, lambda: nn.BatchNorm1d(4), what="a relu")
    assert sum(parameter.numel() for parameter in network.parameters()) == 16 + 10 + 8
    network.eval()
    assert not network[1].after[0].training


def test_each_match_gets_a_module_of_its_own():
    network = nn.Sequential(nn.ReLU(), nn.ReLU())
    insert_after(network, relu_only, lambda: nn.Dropout(0.5), what="a relu")
    assert network[0].after[0] is not network[1].after[0]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_an_edited_network_can_be_copied(duplicate):
    network = insert_after(small_network(), relu_only, Double, what="a relu")
    x = torch.randn(2, 3)
    copied = duplicate(network)
    assert torch.equal(copied(x), network(x))
    assert copied[1].after is not network[1].after


def test_replacing_changes_every_match_and_nothing_else():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    replace(network, relu_only, lambda _old: nn.Tanh(), what="a relu")
    kinds = [type(module).__name__ for module in network.modules() if not isinstance(module, nn.Sequential)]
    assert kinds == ["Linear", "Tanh", "Tanh", "Linear"]


def test_replacing_the_whole_network_returns_the_new_one():
    network = nn.Linear(2, 2)
    new = replace(network, lambda name, _: name == "", nn.Sequential, what="the network")
    assert isinstance(new, nn.Sequential)


def test_a_module_with_two_names_is_replaced_under_both_by_one_module():
    shared = nn.ReLU()
    network = nn.Sequential(shared, shared)
    replace(network, relu_only, lambda _old: nn.Tanh(), what="a relu")
    assert isinstance(network[0], nn.Tanh)
    assert network[0] is network[1]


def test_a_shared_module_gets_one_insertion():
    shared = nn.Identity()
    network = nn.Sequential(shared, shared)
    insert_after(network, lambda _, module: module is shared, AddOne, what="the identity")
    assert network(torch.tensor(0.0)).item() == 2


def test_what_was_inserted_survives_a_replacement():
    network = nn.Sequential(nn.ReLU())
    insert_after(network, relu_only, Double, what="a relu")
    replace(network, relu_only, lambda _old: nn.Identity(), what="a relu")
    assert network(torch.tensor(-1.0)).item() == -2


def test_a_replacement_that_wraps_the_old_module_does_not_run_the_insertion_twice():
    network = nn.Sequential(nn.Identity())
    insert_after(network, lambda name, _: name == "0", AddOne, what="the identity")
    replace(network, lambda name, _: name == "0", nn.Sequential, what="the identity")
    assert network(torch.tensor(0.0)).item() == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda network: insert_after(network, lambda *_: False, Double, what="a relu"),
        lambda network: replace(network, lambda *_: False, lambda old: old, what="a relu"),
    ],
)
def test_an_edit_that_matches_nothing_raises(edit):
    with pytest.raises(ValueError, match=r"^the network must hold a relu, got Linear without one; "):
        edit(nn.Linear(2, 2))


def test_activations_are_recognised_and_layers_are_not():
    activations = [
        nn.ReLU(),
        nn.PReLU(),
        nn.LeakyReLU(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.GELU(),
        nn.SiLU(),
        nn.Softmax(1),
    ]
    assert all(is_activation(module) for module in activations)
    others = [nn.Linear(1, 1), nn.Dropout(), nn.MultiheadAttention(4, 1), nn.BatchNorm1d(2), nn.Identity()]
    assert not any(is_activation(module) for module in others)


class Less(nn.Module):
    def forward(self, first, second):
        return first - second


class Difference(nn.Module):
    def __init__(self):
        super().__init__()
        self.less = Less()

    def forward(self, x):
        return self.less(x, 10 * x)


def less_only(_name, module):
    return isinstance(module, Less)


def test_a_module_inserted_before_another_runs_on_its_first_input_alone():
    edited = insert_before(Difference(), less_only, Double, what="a difference")
    assert torch.equal(edited(torch.ones(2)), torch.full((2,), 2.0 - 10))


def test_modules_inserted_before_run_in_the_order_they_were_made_and_with_those_behind():
    edited = insert_before(Difference(), less_only, Double, what="a difference")
    insert_before(edited, less_only, AddOne, what="a difference")
    insert_after(edited, less_only, AddOne, what="a difference")
    assert torch.equal(edited(torch.ones(2)), torch.full((2,), 2.0 + 1 - 10 + 1))
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        assert torch.equal(again(torch.ones(2)), edited(torch.ones(2)))


def test_what_was_inserted_before_stays_before_the_module_that_replaces():
    class More(nn.Module):
        def forward(self, first, second):
            return first + second

    edited = insert_before(Difference(), less_only, Double, what="a difference")
    replace(edited, less_only, lambda _: More(), what="a difference")
    assert torch.equal(edited(torch.ones(2)), torch.full((2,), 2.0 + 10))


def test_nothing_to_insert_before_is_refused():
    with pytest.raises(ValueError, match=r"^the network must hold a difference, got Sequential without one"):
        insert_before(small_network(), less_only, Double, what="a difference")


def test_originals_are_the_modules_from_before_the_edits():
    network = small_network()
    names = [name for name, _ in network.named_modules()]
    insert_after(network, relu_only, lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU()), what="a relu")
    insert_before(network, lambda name, _: name == "2", Double, what="a layer")
    nn.utils.parametrizations.spectral_norm(network[0])
    assert [name for name, _ in named_originals(network)] == names
    assert len(list(network.named_modules())) > len(names)
