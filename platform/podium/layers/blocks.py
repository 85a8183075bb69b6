"""The blocks of a network from its input to its head, for what trains some layers otherwise than others.

A block is what stands side by side in a network's sequences and lists: a weight layer with the norms and activations
behind it, or a module with layers of its own, such as a residual block. A network of fewer than three such parts is one
around another (an encoder with its head, a network of somebody else): there the largest is opened. Order is that of
construction, and the head is the block with the layer called ``output``, or else the last one. So auxiliary classifiers
are blocks where they were constructed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from podium.layers.initializers import weight_layers
from podium.layers.surgery import ADDED

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_FEWEST = 3
_Unit = tuple[str, nn.Module]


@dataclass(frozen=True)
class Block:
    """A part of a network, by the name of what has its weights; every parameter of a network is in one block only."""

    name: str
    modules: tuple[nn.Module, ...]
    parameters: tuple[nn.Parameter, ...]


def blocks(network: nn.Module) -> list[Block]:
    """The blocks from the input to the head, which is the last; none without parameters of two dimensions."""
    units = list(_open("", network))
    while sum(map(_weighs, units)) < _FEWEST and (wide := [unit for unit in units if _layers(unit) > 1]):
        largest = max(wide, key=_layers)
        place = units.index(largest)
        units[place : place + 1] = _open(*largest)
    units.sort(key=lambda unit: unit[0].split(".")[0] == "output")
    groups = _grouped(units)
    if not groups:
        return []
    placed: set[nn.Parameter] = set()
    parts = [_own(group, placed) for group in groups]
    loose = tuple(p for p in network.parameters() if p not in placed)  # of no module below: tokens, positions
    parts[0] = (*loose, *parts[0])
    return [
        Block(next(filter(_weighs, group))[0], tuple(module for _, module in group), parameters)
        for group, parameters in zip(groups, parts, strict=True)
        if parameters
    ]


def last_layer(network: nn.Module) -> tuple[str, nn.Module] | None:
    """The layer whose outputs are the network's, linear or convolution: ``output``, or else the last one constructed."""
    layers = weight_layers(network)
    name = "output" if "output" in layers else next(reversed(layers), None)
    return None if name is None else (name, layers[name][0])


def _open(name: str, module: nn.Module) -> Iterator[_Unit]:
    """The children of a module, with containers replaced by theirs."""
    for child, inner in module.named_children():
        path = f"{name}.{child}" if name else child
        if isinstance(inner, _CONTAINERS) and child not in ADDED:
            yield from _open(path, inner)
        else:
            yield path, inner


def _weighs(unit: _Unit) -> bool:
    """Whether a unit begins a block: it has weights, and is not what a trick has put behind another module."""
    name, module = unit
    return name.rpartition(".")[2] not in ADDED and any(p.ndim > 1 for p in module.parameters())


def _layers(unit: _Unit) -> int:
    """How many modules with weights of their own a unit could be opened to."""
    return sum(map(_weighs, _open(*unit))) if _weighs(unit) else 0


def _grouped(units: list[_Unit]) -> list[list[_Unit]]:
    """Units with what follows them without weights: norms, activations; what comes before all goes with the first."""
    groups: list[list[_Unit]] = []
    before: list[_Unit] = []
    for unit in units:
        if _weighs(unit):
            groups.append([*before, unit])
            before = []
        else:
            (groups[-1] if groups else before).append(unit)
    return groups


def _own(group: list[_Unit], placed: set[nn.Parameter]) -> tuple[nn.Parameter, ...]:
    """The parameters of a group that no earlier one has."""
    found = dict.fromkeys(p for _, module in group for p in module.parameters() if p not in placed)
    placed.update(found)
    return tuple(found)
