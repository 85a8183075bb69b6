"""What a network costs: counts that are computed, and a throughput that is measured."""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from podium.run.depth import layer_depth, tensors_of, weight_depth
from podium.run.summary import device_of, measuring

_BYTES, _MIB = 4, 2**20
_WARM_UP, _REPEATS, _MOST = 2, 5, 100


def network_costs(network: nn.Module, in_shape: Sequence[int]) -> dict[str, float]:
    """Costs of a network in evaluation mode, for one sample where they depend on it.

    - ``parameters``: all of them.
    - ``depth``: weight layers on the longest path from input to output.
    - ``size_mib``: what its state holds, parameters and floating-point buffers, as float32.
    - ``multiply_adds``: of convolutions and matrix products.
    - ``activations``: elements that convolutional, linear and recurrent layers put out (Radosavovic et al. 2020,
      https://arxiv.org/abs/2003.13678).

    Recurrent layers count at every step of the sequence, also in the depth.

    A network on the meta device is counted from its shapes, without memory. The output may hold its tensors in tuples,
    lists and dictionaries. Leaves modes, gradients and random state as they were.
    """
    state = {id(tensor): tensor for tensor in network.state_dict(keep_vars=True).values()}
    sample = torch.zeros(1, *in_shape, device=device_of(network))
    activations = 0

    def count(_module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal activations
        activations += next(tensors_of(output)).numel()

    with ExitStack() as hooks, measuring(network), torch.enable_grad():
        # oneDNN would do a recurrent layer in one piece, in which no step is seen
        was_on, *_ = torch.backends.mkldnn.set_flags(_enabled=False)
        hooks.callback(torch.backends.mkldnn.set_flags, was_on)
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.RNNBase | _ConvNd):
                hooks.callback(module.register_forward_hook(count).remove)
        with FlopCounterMode(display=False) as counter:
            output = network(sample.requires_grad_())
    return {
        "parameters": float(sum(parameter.numel() for parameter in network.parameters())),
        "depth": float(weight_depth(output)),
        "size_mib": sum(t.numel() for t in state.values() if t.is_floating_point()) * _BYTES / _MIB,
        "multiply_adds": counter.get_total_flops() / 2,
        "activations": float(activations),
    }


def keras_parameters(network: nn.Module) -> int:
    """Parameters as Keras' tables count them: with the running mean and variance of every batch normalisation."""
    statistics_of = (
        (module.running_mean, module.running_var)
        for module in network.modules()
        if isinstance(module, _BatchNorm)
    )
    running = sum(buffer.numel() for pair in statistics_of for buffer in pair if buffer is not None)
    return running + sum(parameter.numel() for parameter in network.parameters())


def keras_depth(network: nn.Module, in_shape: Sequence[int]) -> int:
    """Layers of any kind on the longest path, see ``podium.run.depth.layer_depth``; leaves modes as they were."""
    with measuring(network):
        return layer_depth(network, torch.zeros(1, *in_shape, device=device_of(network)))


def images_per_s(network: nn.Module, in_shape: Sequence[int], batch_size: int, seconds: float) -> float:
    """Samples a second in evaluation mode: the median over repeats that together take about ``seconds``.

    At least five repeats are made, however long they take, and at most a hundred, after two that do not count.
    """
    device = device_of(network)
    times: list[float] = []
    with measuring(network), torch.inference_mode():
        batch = torch.rand(batch_size, *in_shape, device=device)
        begin = time.perf_counter()
        while len(times) < _WARM_UP + _REPEATS or (
            len(times) < _WARM_UP + _MOST and time.perf_counter() - begin < seconds
        ):
            start = time.perf_counter()
            network(batch)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return batch_size / statistics.median(times[_WARM_UP:])
