"""A folded network gives what its networks give, or is refused with the module's name."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from podium.pack.errors import Unpackable
from podium.pack.fold import Lanes
from podium.pack.form import Form
from podium.pack.network import FoldedNetwork, check_folds, put

LANES, BATCH = 3, 4


class Branches(nn.Module):
    """Two branches side by side, a sum and a global mean: all of it in a forward of its own."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, 4, 3, padding=1, stride=2)
        self.two = nn.Conv2d(channels, 4, 2, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.same = nn.Conv2d(8, 8, 3, padding=1, groups=2, padding_mode="circular")
        self.output = nn.Linear(8, 5)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        both = self.norm(torch.cat([self.one(input), self.two(input)], 1))
        return self.output(F.relu(both + self.same(both)).mean((2, 3)))


def networks_and_inputs() -> tuple[list[nn.Module], torch.Tensor]:
    torch.manual_seed(0)
    return [Branches() for _ in range(LANES)], torch.randn(LANES, BATCH, 2, 6, 6)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_outputs_gradients_and_statistics_are_those_of_each_network(form: Form, training: bool) -> None:
    networks, input = networks_and_inputs()
    folded = FoldedNetwork(networks, Lanes([torch.Generator() for _ in networks], form=form))
    folded.module.train(training)
    output = folded(input.flatten(0, 1)).view(LANES, BATCH, -1)
    (gradient,) = torch.autograd.grad(output.square().sum(), folded.weights)
    for lane, network in enumerate(networks):
        network.train(training)
        own = network(input[lane])
        own.square().sum().backward()
        assert torch.allclose(output[lane], own, atol=1e-5)
        parts = folded.parts(gradient)
        for name, parameter in network.named_parameters():
            assert torch.allclose(parts[name][lane], parameter.grad, atol=1e-4), name
        state = folded.state(lane)
        assert state.keys() == network.state_dict().keys()
        for name, tensor in network.state_dict().items():
            assert torch.allclose(state[name], tensor, atol=1e-6), name


def test_a_lane_can_be_put_back_and_the_others_go_on() -> None:
    networks, input = networks_and_inputs()
    folded = FoldedNetwork(networks, Lanes([torch.Generator() for _ in networks]))
    folded.module.train()
    folded(input.flatten(0, 1))
    last = folded.state(2)
    folded.select([0, 2])
    folded.lanes.generators.pop(1)
    assert all(torch.equal(tensor, last[name]) for name, tensor in folded.state(1).items())
    put(last, networks[0])
    networks[0].eval()
    folded.module.eval()
    both = folded(input[1:].flatten(0, 1)).view(2, BATCH, -1)
    assert torch.allclose(both[1], networks[0](input[2]), atol=1e-5)


REFUSED = {
    "norm of samples": (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), r"1 \(LayerNorm\) cannot be packed"),
    "random activation": (nn.Sequential(nn.RReLU()), r"0 \(RReLU\) cannot be packed"),
    "another dropout": (nn.Sequential(nn.AlphaDropout()), r"0 \(AlphaDropout\) cannot be packed"),
    "no momentum": (nn.Sequential(nn.BatchNorm1d(3, momentum=None)), "no momentum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fold_is_named(name: str) -> None:
    network, reason = REFUSED[name]
    with pytest.raises(Unpackable, match=reason):
        check_folds(network)


def test_shared_and_frozen_weights_are_refused() -> None:
    shared = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    shared[1].weight = shared[0].weight
    with pytest.raises(Unpackable, match="share"):
        check_folds(shared)
    frozen = nn.Sequential(nn.Linear(3, 3)).requires_grad_(False)
    with pytest.raises(Unpackable, match="not trained"):
        check_folds(frozen)


def test_networks_of_other_shapes_are_refused() -> None:
    with pytest.raises(Unpackable, match="differ in shape"):
        FoldedNetwork([nn.Linear(3, 3), nn.Linear(3, 4)], Lanes([torch.Generator()] * 2))
