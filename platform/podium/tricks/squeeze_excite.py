"""Squeeze and excitation (Hu, Shen, Albanie, Sun and Wu 2017, https://arxiv.org/abs/1709.01507).

    z = mean of each channel over the map;  gate = sigmoid(W2 relu(W1 z + b1) + b2);  y = x * gate, channel by channel
    W1: (channels / reduction, channels)

Follows the paper in residual networks: the gate closes every branch before the sum. Differs from the paper: in networks
without residual sums it stands behind every convolution, with its normalisation where one directly follows, and in front
of the activation, so that an activation which several layers share can stay; at least 4 hidden units.

Initialisers have run before: the new weights are drawn here, he_normal in front of the relu and glorot_normal in front of
the sigmoid, biases zero, so that gates begin near 1/2, as the paper's do. Gates are part of the network and work in
evaluation too; there is no neutral setting.
"""

import math
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from podium.contracts import Trick
from podium.layers.initializers import VarianceScaling
from podium.layers.merge import Residual
from podium.layers.surgery import insert_after, insert_before, named_originals

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LEAST = 4  # hidden units: one or two that are dead would close a gate for good


class SqueezeExcite(Trick):
    """Puts channel gates, with ``channels / reduction`` hidden units, at the end of every residual branch.

    Where the network has no residual sums: behind every convolution.

    Raises:
        ValueError: ``reduction`` is not positive, or the network has no convolution (in one of its residual blocks).
    """

    def __init__(self, *, reduction: int) -> None:
        if reduction < 1:
            raise ValueError(f"reduction must be at least 1, got {reduction}; the paper's choice is 16")
        self.reduction = reduction

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with gates."""
        merges = {name: module for name, module in network.named_modules() if isinstance(module, Residual)}
        if not merges:
            return self._behind_convolutions(network)
        blocks = [network.get_submodule(name.rpartition(".")[0]) for name in merges]
        gates = iter([self._gate(_channels(block)) for block in blocks])
        return insert_before(
            network,
            lambda _, module: isinstance(module, Residual),
            lambda: next(gates),
            what="a residual sum",
        )

    def _behind_convolutions(self, network: nn.Module) -> nn.Module:
        gates = {place: self._gate(channels) for place, channels in _units(network).items()}
        waiting = iter(gates.values())
        return insert_after(
            network, lambda _, module: module in gates, lambda: next(waiting), what="a convolution"
        )

    def _gate(self, channels: int) -> "ChannelGate":
        return ChannelGate(channels, max(channels // self.reduction, _LEAST))


class ChannelGate(nn.Module):
    """Scales each channel by a number from 0 to 1 that depends on the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.activation = nn.ReLU()
        self.excite = nn.Linear(hidden, channels)
        self.gate = nn.Sigmoid()
        normal = partial(VarianceScaling, distribution="truncated_normal", exceptions={})
        normal(fan="in", gain=math.sqrt(2)).initialize(self.squeeze, self.activation)
        normal(fan="average", gain=1.0).initialize(self.excite, self.gate)

    def forward(self, maps: Float[Tensor, "batch channels *size"]) -> Float[Tensor, "batch channels *size"]:
        """The maps, gated."""
        means = maps.flatten(2).mean(2)
        gates: Tensor = self.gate(self.excite(self.activation(self.squeeze(means))))
        return maps * gates.reshape(*gates.shape, *(1 for _ in maps.shape[2:]))


def _channels(block: nn.Module) -> int:
    """The channels of a residual block's sum: those of its last convolution."""
    found = [module.out_channels for module in block.modules() if isinstance(module, _CONVOLUTIONS)]
    if not found:
        raise ValueError(
            f"every residual block must hold a convolution, got {type(block).__name__} without one; "
            "choose another network or leave this trick out"
        )
    return found[-1]


def _units(network: nn.Module) -> dict[nn.Module, int]:
    """The end of each convolution's unit with its channels: the normalisation that directly follows, else itself."""
    modules = [(name, m) for name, m in named_originals(network) if not isinstance(m, nn.Sequential)]
    found: dict[nn.Module, int] = {}
    for k, (name, module) in enumerate(modules):
        if isinstance(module, _CONVOLUTIONS):
            behind = (other for path, other in modules[k + 1 :] if not path.startswith(f"{name}."))
            following = next(behind, None)
            normalised = getattr(following, "num_features", None) == module.out_channels
            found[following if normalised and following is not None else module] = module.out_channels
    return found
