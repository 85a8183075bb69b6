"""What a network costs: counts that are computed, and a throughput that is measured."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.utils.flop_counter import FlopCounterMode

from podium.run.summary import device_of, measuring

_WEIGHT_NODES = ("Convolution", "Addmm", "Mm", "Bmm", "Baddbmm")
_BYTES, _MIB = 4, 2**20
_WARM_UP, _REPEATS = 2, 5


def network_costs(network: nn.Module, in_shape: Sequence[int]) -> dict[str, float]:
    """Costs of a network in evaluation mode, for one sample where they depend on it.

    - ``parameters``: all of them.
    - ``depth``: weight layers on the longest path from input to output.
    - ``size_mib``: parameters and the floating-point buffers, as float32.
    - ``multiply_adds``: of convolutions and matrix products.
    - ``activations``: elements that convolutional and linear layers put out (Radosavovic et al. 2020,
      https://arxiv.org/abs/2003.13678).

    Leaves modes, gradients and random state as they were.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    buffers = sum(buffer.numel() for buffer in network.buffers() if buffer.is_floating_point())
    sample = torch.zeros(1, *in_shape, device=device_of(network))
    activations = 0

    def count(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal activations
        activations += output.numel()

    with ExitStack() as hooks, measuring(network), torch.enable_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
                hooks.callback(module.register_forward_hook(count).remove)
        with FlopCounterMode(display=False) as counter:
            output = network(sample.requires_grad_())
    return {
        "parameters": float(parameters),
        "depth": float(_depth(output.grad_fn)),
        "size_mib": (parameters + buffers) * _BYTES / _MIB,
        "multiply_adds": counter.get_total_flops() / 2,
        "activations": float(activations),
    }


def images_per_s(network: nn.Module, in_shape: Sequence[int], batch_size: int, seconds: float) -> float:
    """Samples a second in evaluation mode: the median over repeats that together take about ``seconds``.

    At least five repeats are made, however long they take, after two that do not count.
    """
    device = device_of(network)
    times: list[float] = []
    with measuring(network), torch.inference_mode():
        batch = torch.rand(batch_size, *in_shape, device=device)
        begin = time.perf_counter()
        while len(times) < _WARM_UP + _REPEATS or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            network(batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return batch_size / statistics.median(times[_WARM_UP:])


def _depth(root: Node | None) -> int:
    """The largest number of weight layers along a path of the graph; no recursion, for deep networks."""
    depths: dict[Node, int] = {}
    stack = [root] if root is not None else []
    while stack:
        node = stack[-1]
        inputs = [before for before, _ in node.next_functions if before is not None]
        waiting = [before for before in inputs if before not in depths]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        weighs = node.name().removesuffix("Backward0") in _WEIGHT_NODES
        depths[node] = max((depths[before] for before in inputs), default=0) + weighs
    return depths[root] if root is not None else 0
