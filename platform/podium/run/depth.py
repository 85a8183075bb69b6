"""The depth of a network: weight layers on its longest path, and layers of any kind, as Keras counts them.

Keras' applications table calls the second "the topological depth of the network": the layers on the longest path,
input, batch normalisations, activations and merges included (https://github.com/keras-team/keras/pull/12001).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn.modules import conv, dropout, padding
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from podium.layers.surgery import ADDED, is_activation

_WEIGHT_NODES = ("Convolution", "Addmm", "Mm", "Bmm", "Baddbmm")
_ADAPTIVE = (
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveAvgPool3d,
    nn.AdaptiveMaxPool1d,
    nn.AdaptiveMaxPool2d,
    nn.AdaptiveMaxPool3d,
)
# What does nothing in evaluation, or only puts zeros around its input, which Keras' figures do not count.
_UNCOUNTED = (nn.Identity, dropout._DropoutNd, *(getattr(padding, name) for name in padding.__all__))


class _Kind(Enum):
    """What the last layer of a path was, as far as the next one can be a part of it."""

    DEPTHWISE = auto()
    WEIGHT = auto()
    POOLED_TO_ONE = auto()
    OTHER = auto()


@dataclass(frozen=True)
class _Reach:
    """How deep in the network a tensor is, and behind what."""

    depth: int
    kind: _Kind


def weight_depth(output: Any) -> int:
    """The most convolutions and matrix products on a path of the autograd graph that made the output."""
    return max((_weights_behind(tensor.grad_fn) for tensor in tensors_of(output)), default=0)


def layer_depth(network: nn.Module, sample: Tensor) -> int:
    """The most layers on a path from the sample to the network's output, the input being the first.

    One rule for all networks: every call of a module without children is a layer, and so is an operator that joins
    branches. Not layers of their own are, as in Keras: an activation without parameters that directly follows a weight
    layer, the 1x1 convolution that directly follows a depthwise one (a separable convolution), the flattening that
    directly follows global pooling, a softmax at the end. Nor is padding, nor what does nothing in evaluation: dropout,
    an adaptive pooling to the size that the maps have. The network has to be in evaluation mode.
    """
    follow = _Follow(sample)
    with ExitStack() as hooks, torch.no_grad():
        for module in network.modules():
            if all(name in ADDED for name, _ in module.named_children()):
                handle = module.register_forward_hook(follow.leave, prepend=True, with_kwargs=True)
                hooks.callback(handle.remove)
        with follow:
            output = network(sample)
    return max((follow.reaches[tensor].depth for tensor in follow.known(output)), default=0)


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor inside tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_of(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_of(item)


class _Follow(TorchFunctionMode):
    """Follows tensors through the calls of modules and through what happens to them in between."""

    def __init__(self, sample: Tensor) -> None:
        super().__init__()
        self.reaches = WeakTensorKeyDictionary()
        self.reaches[sample] = _Reach(1, _Kind.OTHER)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = list({id(tensor): tensor for tensor in self.known([args, kwargs])}.values())
        before = self._deepest(given)
        output = func(*args, **(kwargs or {}))
        if before is not None:
            reach = _Reach(before.depth + 1, _Kind.OTHER) if len(given) > 1 else before
            self._put(output, reach)
        return output

    def leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        """Forward hook of every module without children: its output is one layer deeper than its inputs."""
        given = list(self.known([args, kwargs]))
        before = self._deepest(given)
        if before is None:
            return
        if isinstance(module, _UNCOUNTED) or _keeps_size(module, given, output):
            reach = before
        else:
            reach = _Reach(before.depth + (not _belongs(module, before.kind)), _kind(module, output))
        self._put(output, reach)

    def known(self, value: Any) -> Iterator[Tensor]:
        """The tensors inside a value that came from the sample."""
        return (tensor for tensor in tensors_of(value) if tensor in self.reaches)

    def _deepest(self, tensors: list[Tensor]) -> _Reach | None:
        found: list[_Reach] = [self.reaches[tensor] for tensor in tensors]
        return max(found, key=lambda reach: reach.depth, default=None)

    def _put(self, output: Any, reach: _Reach) -> None:
        for tensor in tensors_of(output):
            self.reaches[tensor] = reach


def _belongs(module: nn.Module, before: _Kind) -> bool:
    """Whether a module is a part of the layer that it directly follows."""
    match before:
        case _Kind.WEIGHT:
            return is_activation(module) and not any(True for _ in module.parameters())
        case _Kind.DEPTHWISE:
            pointwise = isinstance(module, conv._ConvNd) and set(module.kernel_size) == {1}
            return pointwise or _belongs(module, _Kind.WEIGHT)
        case _Kind.POOLED_TO_ONE:
            return isinstance(module, nn.Flatten)
        case _Kind.OTHER:
            return False


def _kind(module: nn.Module, output: Any) -> _Kind:
    if isinstance(module, conv._ConvNd):
        return _Kind.DEPTHWISE if module.groups == module.in_channels > 1 else _Kind.WEIGHT
    if isinstance(module, nn.Linear):
        return _Kind.WEIGHT
    if isinstance(module, _ADAPTIVE) and all(set(tensor.shape[2:]) == {1} for tensor in tensors_of(output)):
        return _Kind.POOLED_TO_ONE
    return _Kind.OTHER


def _keeps_size(module: nn.Module, given: list[Tensor], output: Any) -> bool:
    """Whether an adaptive pooling found maps of the size that it makes."""
    shapes = [tensor.shape for tensor in tensors_of(output)]
    return isinstance(module, _ADAPTIVE) and shapes == [tensor.shape for tensor in given]


def _weights_behind(root: Node | None) -> int:
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
