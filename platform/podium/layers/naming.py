"""Weights under other people's names: the same network in torchvision, its layers called otherwise.

A network that torchvision has too offers ``torchvision_name`` and ``torchvision_modules``; the functions here turn
state dictionaries of one into those of the other, both ways.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

State = dict[str, Tensor]


@runtime_checkable
class Published(Protocol):
    """A network of which torchvision has the same, or would have with other options."""

    def torchvision_name(self) -> str | None:
        """What torchvision.models calls it; None when an option makes it another network than torchvision's."""

    def torchvision_modules(self) -> dict[str, str]:
        """The path of every module that holds parameters or buffers, to its path in torchvision's network."""


def to_torchvision(network: Published, state: Mapping[str, Tensor]) -> State:
    """The network's state under torchvision's names.

    Raises:
        ValueError: a module that has no name there.
    """
    return _renamed(state, network.torchvision_modules())


def from_torchvision(network: Published, state: Mapping[str, Tensor]) -> State:
    """A state of torchvision's network under the names of ours.

    Raises:
        ValueError: a module that has no name here.
    """
    return _renamed(state, {theirs: ours for ours, theirs in network.torchvision_modules().items()})


def _renamed(state: Mapping[str, Tensor], paths: Mapping[str, str]) -> State:
    unknown = {key for key in state if key.rpartition(".")[0] not in paths}
    if unknown:  # the first by name: files give their tensors in any order
        raise ValueError(
            f"weights must be of the same network, got {min(unknown)}, which it does not have; choose other weights"
        )
    renamed: State = {}
    for key, tensor in state.items():
        path, _, leaf = key.rpartition(".")
        place = paths[path]  # empty for the network itself, which may have parameters too
        renamed[f"{place}.{leaf}" if place else leaf] = tensor
    return renamed
