"""Dropout over time (Gal and Ghahramani 2016, A theoretically grounded application of dropout in recurrent neural networks,
https://arxiv.org/abs/1512.05287).

    h_t = f(W (m_x x_t) + U (m_h h_(t-1)) + b)        with one mask m_x and one m_h for all steps of a sequence

Follows the paper's variant with one mask for all gates; values are scaled in training by 1 / (1 - p).
"""

from torch import nn

from podium.contracts import Trick
from podium.layers.recurrent import RecurrentLayer, SameMask


class RecurrentDropout(Trick):
    """Drops what each recurrent layer reads at rate ``input_p``, and its own last values at rate ``p``.

    A positive ``p`` makes torch take the steps of a sequence one by one, which is several times slower.

    Raises:
        ValueError: a rate is outside [0, 1), or the network has no recurrent layer.
    """

    def __init__(self, *, p: float, input_p: float) -> None:
        for name, rate in (("p", p), ("input_p", input_p)):
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must be in [0, 1), got {rate}; 0 switches it off")
        self.p = p
        self.input_p = input_p

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with masks in every recurrent layer; the names of its parameters stay."""
        layers = [module for module in network.modules() if isinstance(module, RecurrentLayer)]
        if not layers:
            raise ValueError(
                f"the network must hold a recurrent layer, got {type(network).__name__} without one; "
                "choose another network or leave this trick out"
            )
        for layer in layers:
            layer.input_mask, layer.recurrent_mask = SameMask(self.input_p), SameMask(self.p)
        return network
