"""How far a signal goes before training: the values of each layer, and the gradients on their way back.

An initialiser is good when neither grows nor shrinks from layer to layer (Glorot and Bengio 2010,
https://proceedings.mlr.press/v9/glorot10a.html; He et al. 2015, https://arxiv.org/abs/1502.01852).
"""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from podium.contracts import Batch
from podium.layers.initializers import weight_layers
from podium.run.depth import tensors_of
from podium.tasks.base import Task

FAR = 100.0  # a signal that has changed by more than this factor has vanished or exploded
_EQUAL = 1e-5  # of the layer's deviation: rounding


@dataclass
class LayerSignal:
    """One run of one weight layer on a batch.

    ``forward`` and ``backward`` are the standard deviations of its outputs and of the loss's gradient with respect to
    them; ``dead`` is the share of units of the relu behind it that are positive for no example, None without a relu;
    ``equal`` says that its units do not differ from each other.
    """

    name: str
    forward: float
    equal: bool
    backward: float = 0.0
    dead: float | None = None


@dataclass(frozen=True)
class Course:
    """What becomes of a signal on its way: ``at`` is the layer where it is lost, by position; None where it is kept.

    ``factor`` is the largest change on the way, in either direction, as far as it is kept.
    """

    word: str
    at: int | None
    factor: float


def measure(task: Task, batch: Batch) -> list[LayerSignal]:
    """The weight layers in the order they run, in one training step on a batch, without a change of weights."""
    found: list[LayerSignal] = []
    axes: list[int] = []

    def leave_layer(name: str, module: nn.Module, output: Any) -> None:
        values = next(tensors_of(output))
        axis = values.ndim - 1 if isinstance(module, nn.Linear) else 1
        signal = _look(name, values.detach().float(), axis)
        found.append(signal)
        axes.append(axis)
        if values.requires_grad:
            values.register_hook(partial(_note_gradient, signal))

    def leave_relu(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        if found and found[-1].dead is None:
            found[-1].dead = _dead_share(output.detach(), axes[-1])

    with ExitStack() as hooks, torch.enable_grad():
        for name, (layer, _) in weight_layers(task.network).items():
            hooks.callback(
                layer.register_forward_hook(
                    lambda module, _inputs, output, name=name: leave_layer(name, module, output),
                    prepend=True,  # what tricks put behind a layer is not its own
                ).remove
            )
        for module in task.network.modules():
            if isinstance(module, nn.ReLU):
                hooks.callback(module.register_forward_hook(leave_relu, prepend=True).remove)
        task.train()
        torch.autograd.backward(task.training_step(batch, 0))
    task.zero_grad(set_to_none=True)
    return found


def forward_course(signals: Sequence[LayerSignal]) -> Course:
    """What becomes of the values on their way up: the layer in front of which they began is the first.

    The output layer is left out: its size is that of the classes.
    """
    hidden = signals[:-1] or signals
    return _course([signal.forward for signal in hidden])


def backward_course(signals: Sequence[LayerSignal]) -> Course:
    """What becomes of the gradients on their way down from the last layer in front of the output layer."""
    hidden = signals[:-1] or signals
    course = _course([signal.backward for signal in reversed(hidden)])
    at = None if course.at is None else len(hidden) - 1 - course.at
    return Course(course.word, at, course.factor)


def verdict(signals: Sequence[LayerSignal]) -> str:
    """One sentence: where the signal vanishes, explodes or dies, or how well it is kept."""
    hidden = signals[:-1] or signals
    parts = [
        _sentence("the signal", forward_course(signals), hidden),
        _sentence("the gradient", backward_course(signals), hidden),
    ]
    dead = [signal.dead for signal in hidden if signal.dead is not None]
    if dead and max(dead) == 1:
        first = next(k for k, signal in enumerate(hidden) if signal.dead == 1)
        parts.append(f"all relu units are dead at layer {first + 1} ({hidden[first].name})")
    elif dead and max(dead) > 0:
        parts.append(f"at most {max(dead):.0%} of a layer's relu units are dead")
    equal = [k for k, signal in enumerate(hidden) if signal.equal]
    if equal:
        parts.append(f"all units of layer {equal[0] + 1} ({hidden[equal[0]].name}) are equal and stay so")
    return "; ".join(parts)


def _look(name: str, values: Tensor, axis: int) -> LayerSignal:
    spread = float(values.std(correction=0))
    between = float(values.std(dim=axis, correction=0).max())
    return LayerSignal(name, spread, equal=values.shape[axis] > 1 and between <= _EQUAL * spread)


def _note_gradient(signal: LayerSignal, gradient: Tensor) -> None:
    signal.backward = float(gradient.detach().float().std(correction=0))


def _dead_share(output: Tensor, axis: int) -> float:
    units = output.movedim(axis if axis < output.ndim else -1, 0).flatten(1)
    return float((units <= 0).all(dim=1).double().mean())


def _course(values: Sequence[float]) -> Course:
    """Follow values that should stay as large as the first."""
    factor = 1.0
    for k, value in enumerate(values):
        if not math.isfinite(value) or value > FAR * values[0]:
            return Course("explodes", k, factor)
        if value == 0:
            return Course("is zero", k, factor)
        if value * FAR < values[0]:
            return Course("vanishes", k, factor)
        factor = max(factor, value / values[0], values[0] / value)
    return Course("stays", None, factor)


def _sentence(what: str, course: Course, hidden: Sequence[LayerSignal]) -> str:
    if course.at is None:
        layers = "1 layer" if len(hidden) == 1 else f"{len(hidden)} layers"
        return f"{what} stays within a factor of {course.factor:.2g} over {layers}"
    return f"{what} {course.word} at layer {course.at + 1} ({hidden[course.at].name})"
