import copy
import pickle

import pytest
import torch
from torch import nn

from podium.layers.merge import Add, Residual
from podium.tricks.stochastic_depth import DropBranch, StochasticDepth


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = nn.Linear(width, width)
        self.merge = Residual()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.merge(self.branch(x), x)


def blocks(count: int = 4, width: int = 5) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


def rates(network: nn.Module) -> list[float]:
    return [module.p for module in network.modules() if isinstance(module, DropBranch)]


def test_the_rate_grows_linearly_with_the_place_of_the_block():
    assert rates(StochasticDepth(p=0.8).edit_network(blocks())) == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_training_is_the_formula_with_the_same_draws():
    network, x = blocks(), torch.randn(50, 5)
    reference = copy.deepcopy(network)
    edited = StochasticDepth(p=0.8).edit_network(network)
    torch.manual_seed(3)
    got = edited(x)
    torch.manual_seed(3)
    for k, block in enumerate(reference, start=1):
        survival = 1 - 0.8 * k / 4
        keeps = (torch.rand(50) >= 1 - survival).float()
        x = x + block.branch(x) * keeps[:, None] / survival
    torch.testing.assert_close(got, x)


def test_a_branch_is_dropped_as_a_whole_at_its_rate_and_the_mean_stays():
    drop = DropBranch(0.3)
    maps = drop(torch.ones(20_000, 2, 3, 3))
    per_example = maps.flatten(1)
    assert (per_example == per_example[:, :1]).all()
    assert float((per_example[:, 0] == 0).double().mean()) == pytest.approx(0.3, abs=0.02)
    assert float(maps.mean()) == pytest.approx(1, abs=0.03)


def test_only_the_branch_is_dropped_never_the_shortcut():
    network = blocks(1)
    nn.init.zeros_(network[0].branch.weight)
    nn.init.zeros_(network[0].branch.bias)
    x = torch.randn(40, 5)
    assert torch.equal(StochasticDepth(p=0.9).edit_network(network)(x), x)


def test_evaluation_drops_nothing():
    network, x = blocks(), torch.randn(6, 5)
    expected = network(x)
    edited = StochasticDepth(p=0.9).edit_network(network)
    assert not torch.equal(edited(x), expected)
    assert torch.equal(edited.eval()(x), expected)


def test_zero_is_neutral_and_draws_nothing():
    network, x = blocks(), torch.randn(6, 5)
    expected = network(x)
    edited = StochasticDepth(p=0.0).edit_network(network)
    state = torch.get_rng_state()
    assert torch.equal(edited(x), expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_keep_their_names_and_an_edited_network_can_be_copied_and_pickled():
    network = blocks()
    names = list(network.state_dict())
    edited = StochasticDepth(p=0.5).edit_network(network)
    assert list(edited.state_dict()) == names
    x = torch.randn(6, 5)
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        torch.manual_seed(1)
        expected = edited(x)
        torch.manual_seed(1)
        assert torch.equal(again(x), expected)


def test_a_sum_of_equal_branches_is_no_residual_sum():
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.merge = nn.Linear(2, 2), nn.Linear(2, 2), Add()

    with pytest.raises(ValueError, match=r"^the network must hold a residual branch to drop, got Branches"):
        StochasticDepth(p=0.5).edit_network(Branches())


@pytest.mark.parametrize("p", [-0.1, 1.0, float("nan")])
def test_a_bad_rate_is_refused(p):
    with pytest.raises(ValueError, match=r"^p must be in \[0, 1\), got .*; 0 switches it off$"):
        StochasticDepth(p=p)
