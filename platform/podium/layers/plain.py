"""What the plain convolutional networks share: two hidden dense layers with dropout, and their names in torchvision.

The layers are those of Krizhevsky, Sutskever and Hinton 2012, https://doi.org/10.1145/3065386, and of Simonyan and
Zisserman 2014, https://arxiv.org/abs/1409.1556. Follows the papers; dropout in front of a layer, and not behind
its activation, is torchvision's AlexNet.
"""

from collections import OrderedDict
from typing import Literal

from torch import nn

from podium.layers.activations import ActivationName
from podium.layers.shapes import check_dropout
from podium.layers.stages import Named, stage

DropoutPlace = Literal["before", "after"]


def hidden_layers(
    fan_in: int, units: int, *, activation: ActivationName, dropout: float, place: DropoutPlace
) -> nn.Sequential:
    """Two dense layers of ``units``, each with dropout in front of it or behind its activation.

    Raises:
        ValueError: dropout is outside [0, 1).
    """
    check_dropout(dropout)
    modules: Named = []
    for name, inputs in (("dense1", fan_in), ("dense2", units)):
        parts = stage(name, nn.Linear(inputs, units), activation=activation, norm="none")
        parts.insert(0 if place == "before" else len(parts), (f"{name}_dropout", nn.Dropout(dropout)))
        modules += parts
    return nn.Sequential(OrderedDict(modules))


def numbered_names(features: nn.Sequential, hidden: nn.Sequential) -> dict[str, str]:
    """The names that torchvision gives to ``features``, ``hidden`` and the ``output`` behind them.

    It numbers the modules of two sequences, features and classifier, and the output is the last of the second.
    """
    names = {f"features.{name}": f"features.{k}" for k, name in _with_state(features)}
    names |= {f"hidden.{name}": f"classifier.{k}" for k, name in _with_state(hidden)}
    return names | {"output": f"classifier.{len(hidden)}"}


def _with_state(modules: nn.Sequential) -> list[tuple[int, str]]:
    numbered = enumerate(modules.named_children())
    return [(k, name) for k, (name, module) in numbered if module.state_dict()]
