import copy
import math
import pickle

import pytest
import torch
from torch import nn

from podium.layers.merge import Residual
from podium.tricks.drop_block import DropBlock, DropBlocks
from podium.tricks.dropout import Dropout
from podium.tricks.spectral_norm import SpectralNorm
from podium.tricks.squeeze_excite import ChannelGate, SqueezeExcite


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.merge = Residual()
        self.shortcut = nn.Conv2d(2, 8, 1)
        self.branch = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.BatchNorm2d(8)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.merge(self.branch(x), self.shortcut(x))


def gates(network: nn.Module) -> dict[str, ChannelGate]:
    return {name: m for name, m in network.named_modules() if isinstance(m, ChannelGate)}


@pytest.mark.parametrize("shape", [(3, 32, 9), (3, 32, 5, 6), (3, 32, 3, 4, 5)], ids=["1-d", "2-d", "3-d"])
def test_a_gate_is_the_formula(shape):
    gate, maps = ChannelGate(32, 4), torch.randn(shape)
    nn.init.normal_(gate.squeeze.bias)
    nn.init.normal_(gate.excite.bias)
    z = maps.mean(dim=tuple(range(2, maps.ndim)))
    hidden = torch.relu(z @ gate.squeeze.weight.T + gate.squeeze.bias)
    scale = torch.sigmoid(hidden @ gate.excite.weight.T + gate.excite.bias)
    expected = torch.stack(
        [m * s.view(-1, *(1 for _ in shape[2:])) for m, s in zip(maps, scale, strict=True)]
    )
    torch.testing.assert_close(gate(maps), expected)


def test_the_branch_is_gated_and_the_shortcut_is_not():
    network, x = Block().eval(), torch.randn(2, 2, 6, 6)
    branch, shortcut = network.branch(x), network.shortcut(x)
    edited = SqueezeExcite(reduction=2).edit_network(network)
    (gate,) = gates(edited).values()
    torch.testing.assert_close(edited(x), gate(branch) + shortcut)
    assert gate.squeeze.weight.shape == (4, 8)


def test_without_residual_sums_the_gate_is_behind_each_convolution_and_its_normalisation():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.BatchNorm2d(6),
        nn.Flatten(),
    )
    edited = SqueezeExcite(reduction=16).edit_network(network)
    assert {name: gate.excite.out_features for name, gate in gates(edited).items()} == {
        "1.after.0": 4,
        "3.after.0": 6,
    }
    assert edited(torch.randn(2, 1, 9, 9)).isfinite().all()


def test_a_gate_has_channels_over_reduction_hidden_units_and_at_least_4():
    def hidden(channels: int) -> int:
        network = nn.Sequential(nn.Conv2d(1, channels, 1))
        (gate,) = gates(SqueezeExcite(reduction=16).edit_network(network)).values()
        return gate.squeeze.out_features

    assert [hidden(channels) for channels in (8, 64, 128, 512)] == [4, 4, 8, 32]


def test_the_new_weights_are_drawn_for_their_activations_and_gates_begin_near_a_half():
    gate = ChannelGate(2048, 512)
    assert gate.squeeze.weight.std().item() == pytest.approx(math.sqrt(2 / 2048), rel=0.01)
    assert gate.excite.weight.std().item() == pytest.approx(math.sqrt(2 / (2048 + 512)), rel=0.01)
    assert not gate.squeeze.bias.any()
    assert not gate.excite.bias.any()
    maps = torch.randn(4, 2048, 1, 1) / 10
    assert (gate(maps) / maps - 0.5).abs().max() < 0.1


def test_the_new_parameters_are_trained_and_the_old_ones_keep_names_and_values():
    network = Block()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    edited = SqueezeExcite(reduction=2).edit_network(network)
    state = edited.state_dict()
    assert all(torch.equal(state[name], value) for name, value in before.items())
    edited(torch.randn(4, 2, 6, 6)).square().mean().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for p in next(iter(gates(edited).values())).parameters()
    )


def test_an_edited_network_can_be_copied_and_pickled():
    edited, x = SqueezeExcite(reduction=2).edit_network(Block()).eval(), torch.randn(2, 2, 6, 6)
    for again in (copy.deepcopy(edited), pickle.loads(pickle.dumps(edited))):
        assert torch.equal(again(x), edited(x))


def test_a_network_without_convolutions_is_refused():
    with pytest.raises(ValueError, match=r"^the network must hold a convolution, got Sequential"):
        SqueezeExcite(reduction=16).edit_network(nn.Sequential(nn.Linear(2, 2)))


def test_a_dense_residual_block_is_refused():
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.path, self.merge = nn.Linear(2, 2), Residual()

    with pytest.raises(
        ValueError, match=r"^every residual block must hold a convolution, got Dense without one"
    ):
        SqueezeExcite(reduction=16).edit_network(Dense())


def test_a_bad_reduction_is_refused():
    with pytest.raises(ValueError, match=r"^reduction must be at least 1, got 0"):
        SqueezeExcite(reduction=0)


def test_units_are_found_as_well_once_other_tricks_have_edited_the_network():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.Flatten())
    for trick in (Dropout(p=0.1, input_p=0.1, output_p=0.1), SpectralNorm(power_iterations=1)):
        network = trick.edit_network(network)
    edited = SqueezeExcite(reduction=16).edit_network(network)
    assert list(gates(edited)) == ["1.0.after.0"]
    blocks = DropBlock(p=0.1, block_size=2).edit_network(edited)
    assert [name for name, m in blocks.named_modules() if isinstance(m, DropBlocks)] == ["1.1.after.1"]
