"""Layer-sequential unit variance, against the paper's loop."""

import copy
import logging

import pytest
import torch
from torch import nn

from podium.layers.initializers import Constant, Zeros, weight_layers
from podium.layers.lsuv import LayerSequentialUnitVariance
from podium.layers.merge import Add


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def lsuv(**exceptions):
    return LayerSequentialUnitVariance(examples=32, exceptions=exceptions)


class Block(nn.Module):
    """A residual block whose modules do not run in the order they are listed, with dropout and normalisation."""

    def __init__(self):
        super().__init__()
        self.output = nn.Linear(6, 3)
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.BatchNorm2d(6)
        self.first = nn.Conv2d(2, 6, 3, stride=2)
        self.dropout = nn.Dropout(0.5)
        self.activation = nn.ReLU()
        self.merge = Add()

    def forward(self, x):
        x = self.activation(self.first(x))
        x = self.merge(self.norm(self.second(self.dropout(x))), x)
        return self.output(x.mean((2, 3)))


def deviations(network, inputs):
    """Of every layer's output, by name, in evaluation mode."""
    found = {}

    def note(name, output):
        found.setdefault(name, output.std().item())

    twin = copy.deepcopy(network).eval()
    for name, (layer, _) in weight_layers(twin).items():
        layer.register_forward_hook(lambda _, i, output, name=name: note(name, output))
    with torch.no_grad():
        twin(inputs)
    return found


def by_the_papers_loop(network, inputs, order):
    """Divide by the deviation of each output in turn, each time with a whole pass."""
    network.eval()
    kept = []
    for name in order:
        layer = network.get_submodule(name)
        for _ in range(3):
            hook = layer.register_forward_hook(lambda _, i, o: kept.append(o.std()))
            network(inputs)
            hook.remove()
            layer.weight.data /= kept[-1]
    return network


def test_every_output_has_unit_variance_whatever_the_order_of_the_modules():
    network, inputs = Block(), 30 * torch.randn(32, 2, 9, 9) + 7
    initializer = lsuv()
    initializer.apply(network)
    initializer.adjust(network, inputs)
    found = deviations(network, inputs)
    assert set(found) == {"first", "second", "output"}
    assert list(found.values()) == pytest.approx([1, 1, 1], rel=1e-4)


def test_one_pass_gives_what_the_papers_loop_gives():
    network, inputs = Block(), torch.randn(32, 2, 9, 9)
    initializer = lsuv()
    initializer.apply(network)
    reference = by_the_papers_loop(copy.deepcopy(network), inputs, ["first", "second", "output"])
    initializer.adjust(network, inputs)
    for name in ("first", "second", "output"):
        ours, theirs = network.get_submodule(name).weight, reference.get_submodule(name).weight
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_it_begins_with_orthogonal_weights():
    network = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    lsuv().apply(network)
    weight = network[0].weight.detach()
    torch.testing.assert_close(weight @ weight.T, torch.eye(8), atol=1e-5, rtol=0)


def test_modes_statistics_gradients_and_random_state_stay():
    network, inputs = Block(), torch.randn(32, 2, 9, 9)
    network.norm.eval()
    initializer = lsuv()
    initializer.apply(network)
    state = torch.get_rng_state()
    initializer.adjust(network, inputs)
    assert torch.equal(state, torch.get_rng_state())
    assert [network.training, network.norm.training, network.dropout.training] == [True, False, True]
    assert int(network.norm.num_batches_tracked) == 0
    assert not network.norm.running_mean.any()
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_an_exception_is_left_alone():
    network, inputs = Block(), torch.randn(32, 2, 9, 9)
    initializer = lsuv(output=Constant(value=0.5, exceptions={}))
    initializer.apply(network)
    initializer.adjust(network, inputs)
    assert (network.output.weight == 0.5).all()
    assert deviations(network, inputs)["first"] == pytest.approx(1, rel=1e-4)


def test_a_layer_that_runs_twice_is_scaled_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, x):
            return self.layer(torch.relu(self.layer(x)))

    network, inputs = Twice(), torch.randn(40, 5)
    lsuv().apply(network)
    lsuv().adjust(network, inputs)
    assert deviations(network, inputs)["layer"] == pytest.approx(1, rel=1e-4)


def test_a_layer_that_does_not_run_is_logged(caplog):
    network = nn.Sequential(nn.Linear(4, 4))
    network.register_module("auxiliary", nn.Linear(4, 4))
    network.forward = network[0].forward
    with caplog.at_level(logging.INFO, logger="podium"):
        lsuv().adjust(network, torch.randn(8, 4))
    assert caplog.messages == ["initializer: 0, auxiliary did not run and stay orthogonal"]


@pytest.mark.parametrize("inputs", [torch.zeros(8, 4), torch.full((8, 4), float("nan"))], ids=["zero", "nan"])
def test_inputs_without_variance_are_refused(inputs):
    network = nn.Sequential(nn.Linear(4, 4)).train()
    lsuv().apply(network)
    with pytest.raises(
        ValueError, match=r"^the outputs of 0 must vary over 8 training inputs, got a deviation of"
    ):
        lsuv().adjust(network, inputs)
    assert network.training
    assert not network[0]._forward_hooks


def test_it_cannot_be_an_exception_for_it_would_get_no_data():
    with pytest.raises(ValueError, match=r"^exceptions.output must be an initializer that needs no data"):
        Zeros(exceptions={"output": lsuv()})


def test_fewer_than_two_examples_are_refused():
    with pytest.raises(ValueError, match=r"^examples must be at least 2, got 1; set"):
        LayerSequentialUnitVariance(examples=1, exceptions={})
