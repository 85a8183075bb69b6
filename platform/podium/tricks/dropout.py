"""Dropout (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, https://jmlr.org/papers/v15/srivastava14a.html).

    training: y = x * m / (1 - p), with every element of m drawn from Bernoulli(1 - p);  evaluation: y = x

Differs from the paper: scales in training by 1 / (1 - p) in place of the weights in evaluation by 1 - p,
which is equal in expectation, and sets no bound on the weights' norm.
"""

from typing import Any, Literal

from torch import Tensor, nn

from podium.contracts import Auxiliary, Trick
from podium.layers.surgery import insert_after, is_activation, named_originals, replace

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_INPUT = "input_dropout"


class Dropout(Trick):
    """Drops hidden values at rate ``p``, inputs at ``input_p`` and outputs at ``output_p``.

    Hidden: after every activation module of the network, not inside what other tricks have inserted. A network that
    already holds dropout modules is not given more of them: ``p`` replaces their rates, where they are. Inputs: in
    front of the network. Outputs: after its last layer. A rate of 0 inserts a module that does nothing, so that the
    network's structure is the same for every rate.

    Raises:
        ValueError: a rate is outside [0, 1), ``p`` is positive and the network has no activation module, or ``input_p``
            is and inputs are symbols.
    """

    def __init__(self, *, p: float, input_p: float, output_p: float) -> None:
        for name, rate in (("p", p), ("input_p", input_p), ("output_p", output_p)):
            if not 0 <= rate < 1:
                raise ValueError(f"{name} must be in [0, 1), got {rate}; 0 switches it off")
        self.p = p
        self.input_p = input_p
        self.output_p = output_p

    def edit_network(self, network: nn.Module) -> nn.Module:
        """The network with dropout in the three places; the names of its parameters stay."""
        if self.input_p > 0 and any(isinstance(module, nn.Embedding) for module in network.modules()):
            raise ValueError(
                f"input_p must be 0 where inputs are symbols, which have no size, got {self.input_p}; leave it out"
            )
        network = self._drop_hidden(network)
        last = _end(network, -1)
        insert_after(network, lambda _, m: m is last, lambda: OutputDropout(self.output_p), what="an output")
        first = _end(network, 0)
        first.add_module(_INPUT, nn.Dropout(self.input_p))
        first.register_forward_pre_hook(_drop_input)
        return network

    def _drop_hidden(self, network: nn.Module) -> nn.Module:
        originals = {module for _, module in named_originals(network)}
        if any(isinstance(module, _DROPOUTS) for module in originals):
            return replace(
                network,
                lambda _, module: module in originals and isinstance(module, _DROPOUTS),
                lambda module: type(module)(self.p),
                what="a dropout module",
            )
        if self.p == 0 and not any(is_activation(module) for module in originals):
            return network
        return insert_after(
            network,
            lambda _, module: module in originals and is_activation(module),
            lambda: nn.Dropout(self.p),
            what="an activation module to put hidden dropout behind (or set p=0)",
        )


class OutputDropout(nn.Dropout):
    """Dropout of whatever a network gives: of a tensor, and of the logits of all its classifiers."""

    def forward(self, output: Any) -> Any:
        """The same kind of output.

        Raises:
            ValueError: the network gives losses, of which none can be dropped, and the rate is not 0.
        """
        if isinstance(output, Auxiliary):
            others = tuple(super(OutputDropout, self).forward(other) for other in output.others)
            return Auxiliary(super().forward(output.logits), others, output.weight)
        if isinstance(output, Tensor):
            return super().forward(output)
        if self.p > 0:
            raise ValueError(
                f"output_p must be 0 for a network that gives losses, got {self.p}; leave it out"
            )
        return output


def _end(network: nn.Module, position: Literal[0, -1]) -> nn.Module:
    """The first or last module that is no Sequential, which would run a new child as one of its layers."""
    while isinstance(network, nn.Sequential) and len(network) > 0:
        network = network[position]
    return network


def _drop_input(first: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Forward hook: a named function, so that an edited network can be copied and pickled."""
    return (first.get_submodule(_INPUT)(inputs[0]), *inputs[1:])
