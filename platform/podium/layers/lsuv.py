"""Layer-sequential unit variance (Mishkin and Matas 2015, All you need is a good init, https://arxiv.org/abs/1511.06422).

    W <- a random orthogonal matrix, for every layer
    W <- W / sqrt(Var(output))          layer by layer in the order they run, on a batch of training inputs

Differs from the paper: no loop until the variance is near enough to 1. Biases are zero, so that a layer's output is
linear in its weights and one division is exact. The batch passes in evaluation mode, without dropout and with batch
normalisation as it begins, which changes nothing.
"""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from podium.layers.initializers import Orthogonal, matching, weight_layers

_LOG = logging.getLogger(__name__)


class LayerSequentialUnitVariance(Orthogonal):
    """Orthogonal weights, scaled so that every layer's output has variance 1 on ``examples`` training inputs.

    A layer that runs several times in a pass is scaled in its first run. Layers that do not run in evaluation, such
    as auxiliary classifiers, stay orthogonal, which is logged; those with an exception stay as that left them.

    Raises:
        ValueError: fewer than two examples.
    """

    def __init__(self, *, examples: int, exceptions: Mapping[str, Any]) -> None:
        super().__init__(gain=1.0, exceptions=exceptions)
        if examples < 2:
            raise ValueError(f"examples must be at least 2, got {examples}; set initializer.examples=64")
        self.examples = examples

    @torch.no_grad()
    def adjust(self, network: nn.Module, inputs: Tensor) -> None:
        """Scale the layers in one pass of the inputs; leaves modes and random state as they were.

        Raises:
            ValueError: a layer's output does not vary, or is not finite.
        """
        waiting: dict[nn.Module, str] = {
            layer: name
            for name, (layer, _) in weight_layers(network).items()
            if matching(self.exceptions, name) is None
        }

        def scale(layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor | None:
            if layer not in waiting:
                return None
            name, spread = waiting.pop(layer), output.std()
            if not 0 < spread < float("inf"):
                raise ValueError(
                    f"the outputs of {name} must vary over {len(inputs)} training inputs, got a deviation of "
                    f"{spread:.3g}; choose another initializer, or an exception for this layer"
                )
            assert isinstance(layer.weight, Tensor)
            layer.weight.div_(spread)
            return output / spread

        modes = {module: module.training for module in network.modules()}
        with ExitStack() as hooks, torch.random.fork_rng(devices=[]):
            for layer in waiting:
                hooks.callback(layer.register_forward_hook(scale).remove)
            try:
                network.eval()(inputs)
            finally:
                for module, training in modes.items():
                    module.training = training
        if waiting:
            _LOG.info("initializer: %s did not run and stay orthogonal", ", ".join(waiting.values()))
