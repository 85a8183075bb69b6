"""Tables of a network's layers: output shapes, parameters and multiply-adds of its modules, published and computed."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from podium.run.depth import tensors_of
from podium.run.summary import device_of, measuring


@dataclass(frozen=True)
class Line:
    """One layer as it was published; None for what was not.

    ``module`` is its path here, several with blanks between. Figures keep their unit: 159K are 159 x 1,024 weights,
    128M are 128 x 10^6 operations, and a number without unit counts parameters with biases.
    """

    name: str
    module: str
    output: str
    parameters: str | None = None
    operations: str | None = None
    remark: str = ""


@dataclass(frozen=True)
class LayerTable:
    """A published table of a network's layers."""

    network: str
    source: str
    note: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Layer:
    """What a line's modules have here; the output is height x width x channels, as papers write it."""

    output: str
    weights: int
    parameters: int
    multiply_adds: int


def differences_of(line: Line, layer: Layer) -> list[str]:
    """Which figures of a line are not what its modules have, in the digits that were printed, rounded or cut off."""
    found = ["output"] if line.output != layer.output else []
    if line.parameters is not None:
        kilo = line.parameters.endswith("K")
        if not _agrees(line.parameters, layer.weights if kilo else layer.parameters):
            found.append("parameters")
    if line.operations is not None and not _agrees(line.operations, layer.multiply_adds):
        found.append("operations")
    return found


def _agrees(printed: str, computed: int) -> bool:
    units = {"K": 1024, "M": 10**6}
    number = Decimal(printed.rstrip("KM").replace(",", ""))
    digit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    exact = Decimal(computed) / units.get(printed[-1], 1)
    return number in {exact.quantize(digit, ROUND_DOWN), exact.quantize(digit, ROUND_HALF_UP)}


def count_layers(network: nn.Module, in_shape: Sequence[int], lines: Sequence[Line]) -> list[Layer]:
    """What the modules of each line have, in evaluation mode, for one sample."""
    names = {name for line in lines for name in line.module.split()}
    modules = {name: network.get_submodule(name) for name in names}
    shapes: dict[nn.Module, str] = {}

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        channels, *size = next(tensors_of(output)).shape[1:]
        shapes[module] = "x".join(str(n) for n in (*size, channels))

    with ExitStack() as hooks, measuring(network), torch.no_grad():
        for module in modules.values():
            hooks.callback(module.register_forward_hook(note).remove)
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, *in_shape, device=device_of(network)))
    counts, root = counter.get_flop_counts(), type(network).__name__
    layers = []
    for line in lines:
        inside = line.module.split()
        parameters = [p for name in inside for p in modules[name].parameters()]
        layers.append(
            Layer(
                output=shapes[modules[inside[-1]]],
                weights=sum(p.numel() for p in parameters if p.ndim > 1),
                parameters=sum(p.numel() for p in parameters),
                multiply_adds=sum(sum(counts.get(f"{root}.{name}", {}).values()) for name in inside) // 2,
            )
        )
    return layers
