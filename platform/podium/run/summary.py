"""What a network is made of: its layers in the order they run, with output shapes and parameters."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from podium.layers.surgery import ADDED, PARAMETRIZATIONS


@dataclass(frozen=True)
class Row:
    """One call of one module. The shape is without the batch, None for a module that never ran.

    ``parameters`` are the module's own, zero where an earlier row has counted them.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None
    parameters: int


def summarize(network: nn.Module, in_shape: Sequence[int]) -> list[Row]:
    """The calls of every module that is no mere container, for one blank sample in evaluation mode.

    Modules with parameters that never run come last. Leaves modes and random state as they were.
    """
    names = {
        module: name
        for name, module in network.named_modules()
        if not _is_container(module) and PARAMETRIZATIONS not in name.split(".")
    }
    calls: list[tuple[nn.Module, tuple[int, ...] | None]] = []
    pending: list[int] = []

    def enter(module: nn.Module, _inputs: Any) -> None:
        pending.append(len(calls))
        calls.append((module, None))

    def leave(module: nn.Module, _inputs: Any, output: Any) -> None:
        calls[pending.pop()] = (module, _shape(output))

    with ExitStack() as hooks, measuring(network), torch.no_grad():
        for module in names:
            hooks.callback(module.register_forward_pre_hook(enter, prepend=True).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        network(torch.zeros(1, *in_shape, device=device_of(network)))
    ran = {module for module, _ in calls}
    calls += [(module, None) for module in names if module not in ran and _own(module)]
    counted: set[nn.Parameter] = set()
    rows = []
    for module, shape in calls:
        own = [parameter for parameter in _own(module) if parameter not in counted]
        counted.update(own)
        name = names[module] or "network"
        rows.append(Row(name, type(module).__name__, shape, sum(parameter.numel() for parameter in own)))
    return rows


def render(rows: Sequence[Row]) -> str:
    """The rows as a text table with the total."""
    cells = [("layer", "type", "output shape", "parameters")]
    for row in rows:
        shape = "never runs" if row.shape is None else "x".join(str(size) for size in row.shape)
        cells.append((row.name, row.type, shape, f"{row.parameters:,}"))
    cells.append(("total", "", "", f"{sum(row.parameters for row in rows):,}"))
    widths = [max(len(cell[column]) for cell in cells) for column in range(4)]
    lines = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d:>{widths[3]}}".rstrip()
        for a, b, c, d in cells
    ]
    rule = "-" * (sum(widths) + 6)
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


@contextmanager
def measuring(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; each module's mode and the random state are put back at the end."""
    modes = [(module, module.training) for module in network.modules()]
    device = device_of(network)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        network.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def device_of(network: nn.Module) -> torch.device:
    """Where the network's parameters are; the CPU for a network without any."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def _is_container(module: nn.Module) -> bool:
    """Whether a module only holds others, or does nothing."""
    children = [name for name, _ in module.named_children() if name not in ADDED]
    return isinstance(module, nn.Sequential | nn.Identity) or (bool(children) and not _own(module))


def _own(module: nn.Module) -> list[nn.Parameter]:
    """A module's own parameters, with those that its weight is computed from."""
    computed = getattr(module, PARAMETRIZATIONS, None)
    return [*module.parameters(recurse=False), *(computed.parameters() if computed is not None else ())]


def _shape(output: Any) -> tuple[int, ...] | None:
    """Shape of the first tensor of an output, without the batch."""
    if isinstance(output, Tensor):
        return tuple(output.shape[1:])
    return _shape(output[0]) if isinstance(output, tuple | list) and output else None
