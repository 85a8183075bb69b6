"""Spectral normalisation (Miyato, Kataoka, Koyama and Yoshida 2018, https://arxiv.org/abs/1802.05957).

    weight used = W / sigma(W);  W: (outputs, everything else);  sigma(W) = u^T W v, where in every training step
    u <- W v / ||W v||,  v <- W^T u / ||W^T u||

Follows the paper, by torch's parametrization, whose u comes before v. Evaluation divides too, by the u and v that training
left; without a strength there is no neutral setting. The trained parameter of a layer becomes
``LAYER.parametrizations.weight.original``, with u and v as buffers beside it: a run's saved network has all three, and is
evaluated and trained again as any other. An initialiser and ``network.weights`` fill W before it is normalised, so that a
file of the plain network may begin such a run; the other way it is refused by name.
"""

from torch import nn
from torch.nn.utils import parametrizations, parametrize

from podium.contracts import Trick
from podium.layers.initializers import weight_layers


class SpectralNorm(Trick):
    """Divides the weights of every linear and convolutional layer by their largest singular value.

    ``power_iterations`` in each training step make the estimate better and slower; the paper has 1.

    Raises:
        ValueError: there is no iteration, no such layer, or a layer whose weights are all zero or parametrized already.
    """

    def __init__(self, *, power_iterations: int) -> None:
        if power_iterations < 1:
            raise ValueError(f"power_iterations must be at least 1, got {power_iterations}; the paper has 1")
        self.power_iterations = power_iterations

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The same network with normalised weights."""
        layers = weight_layers(network)
        if not layers:
            raise ValueError(
                "the network must hold linear or convolutional layers, "
                f"got {type(network).__name__} without one; choose another network or leave this trick out"
            )
        for name, (layer, _) in layers.items():
            weight = layer.weight
            if parametrize.is_parametrized(layer) or not weight.any():
                raise ValueError(
                    f"the weights of {name} must be plain and not all zero, got {type(layer).__name__}; "
                    "choose another initializer, or name this trick once"
                )
            parametrizations.spectral_norm(layer, n_power_iterations=self.power_iterations)
        return network
