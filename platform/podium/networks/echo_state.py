"""An echo state network: cells with fixed random connections, of which only the read-out is fitted.

Jaeger 2001, The "echo state" approach to analysing and training recurrent neural networks, GMD report 148,
https://www.ai.rug.nl/minds/uploads/EchoStatesTechRep.pdf; leaky cells: Jaeger et al. 2007,
https://doi.org/10.1016/j.neunet.2007.04.016.

    x_t = (1 - leak) x_(t-1) + leak tanh(V u_t + c + W x_(t-1))        with W scaled to its spectral radius

Differs from the papers: a sequence is answered once, from its mean or its last values, and the read-out does not see the
inputs. ``tasks/ridge_readout.py`` fits it.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from podium.layers.recurrent import measured
from podium.layers.shapes import check_positive, signal_shape


class EchoState(nn.Module):
    """``units`` cells, a share ``density`` of their connections, and a linear read-out.

    The reservoir is drawn once, uniformly, and is saved with the network, but no part of it is a parameter.
    ``input_scale`` bounds the weights V and c. ``readout``: the values at the end of a sequence, or their mean over it.

    Raises:
        ValueError: a number is out of its range, the reservoir has no connection that comes back, or samples are no
            signals.
    """

    def __init__(
        self,
        *,
        in_shape: Sequence[int],
        num_classes: int,
        units: int,
        spectral_radius: float,
        density: float,
        leak: float,
        input_scale: float,
        readout: Literal["last", "mean"],
    ) -> None:
        super().__init__()
        check_positive("units", [units], remedy="set network.units=200")
        channels, _ = signal_shape(in_shape, network="echo_state", at_least=1, remedy="use longer signals")
        for name, share in (("density", density), ("leak", leak)):
            if not 0 < share <= 1:
                raise ValueError(f"{name} must be in (0, 1], got {share}; 1.0 is all")
        for name, value in (("spectral_radius", spectral_radius), ("input_scale", input_scale)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {value}; set network.{name}=0.9")
        self.leak = leak
        self.readout = readout
        self.register_buffer("given", input_scale * (2 * torch.rand(units, channels) - 1))
        self.register_buffer("offset", input_scale * (2 * torch.rand(units) - 1))
        self.register_buffer("reservoir", _reservoir(units, density) * spectral_radius)
        self.output = nn.Linear(units, num_classes)

    def forward(self, input: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch outputs"]:
        """A sum for each class."""
        with torch.no_grad():
            seen = self.echoes(input)
        sums: Tensor = self.output(seen)
        return sums

    def echoes(self, input: Float[Tensor, "batch channels length"]) -> Float[Tensor, "batch units"]:
        """What the read-out sees."""
        sequence, lengths = measured(input.transpose(1, 2))
        driven = F.linear(sequence, self.get_buffer("given"), self.get_buffer("offset"))
        values = torch.zeros_like(driven[:, 0])
        total = torch.zeros_like(values)
        for t in range(driven.shape[1]):
            new = torch.tanh(driven[:, t] + F.linear(values, self.get_buffer("reservoir")))
            new = (1 - self.leak) * values + self.leak * new
            if lengths is not None:
                inside = (t < lengths)[:, None]
                values, total = torch.where(inside, new, values), total + torch.where(inside, new, 0.0)
            else:
                values, total = new, total + new
        if self.readout == "last":
            return values
        return total / (driven.shape[1] if lengths is None else lengths[:, None])


def _reservoir(units: int, density: float) -> Tensor:
    """Random connections of spectral radius 1."""
    drawn = (2 * torch.rand(units, units) - 1) * (torch.rand(units, units) < density)
    if drawn.is_meta:  # shapes alone
        return drawn
    radius = float(torch.linalg.eigvals(drawn).abs().max())
    if radius == 0:
        raise ValueError(
            f"the reservoir must have a connection that comes back, got {units} units with density={density}; raise both"
        )
    return drawn / radius
