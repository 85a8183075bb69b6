"""The optimizers of torch over all lanes at once: weights and gradients are (lanes, parameters), hyperparameters (lanes, 1).

The same formulas as torch.optim's, in its order of operations; tests compare every step with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from podium.pack.errors import Unpackable
from podium.pack.home import chosen


class Update(ABC):
    """One optimizer of many lanes. ``rate`` holds each lane's learning rate, which schedules change."""

    numbers: tuple[str, ...]  # hyperparameters that may differ between lanes
    flags: tuple[str, ...]  # those that may not
    memories: int  # matrices of the size of the weights

    def __init__(self, optimizers: Sequence[Optimizer], weights: Tensor) -> None:
        groups = [optimizer.param_groups[0] for optimizer in optimizers]
        for flag in (*self.flags, "maximize"):
            if len({group.get(flag) for group in groups}) > 1:
                raise Unpackable(f"optimizer.{flag} differs between the runs")
        if groups[0].get("maximize") or groups[0].get("amsgrad"):
            raise Unpackable("optimizer.maximize and optimizer.amsgrad cannot be packed")
        self.is_set = {flag: bool(groups[0].get(flag)) for flag in self.flags}
        device = weights.device
        self.rate = _column([group["lr"] for group in groups]).to(device)
        self._told = {name: [float(group[name]) for group in groups] for name in self.numbers}
        self.hyper = {name: _column(values).to(device) for name, values in self._told.items()}
        self.memory = [torch.zeros_like(weights) for _ in range(self.memories)]
        self.steps = 0

    @abstractmethod
    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change the weights; the gradient may be overwritten."""

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""
        self.rate = chosen(self.rate, kept)
        self.hyper = {name: chosen(column, kept) for name, column in self.hyper.items()}
        self.memory = [chosen(matrix, kept) for matrix in self.memory]
        self._told = {name: [values[k] for k in kept] for name, values in self._told.items()}

    def _has(self, name: str) -> bool:
        """Whether a hyperparameter is not 0 for some lane; a look at its column would wait for a GPU."""
        return any(self._told[name])

    def _decay_into(self, gradient: Tensor, weights: Tensor) -> None:
        if self._has("weight_decay"):
            gradient.addcmul_(weights, self.hyper["weight_decay"])


class SGDUpdate(Update):
    """Gradient descent, with momentum where it is not 0, and Nesterov's."""

    numbers = ("momentum", "dampening", "weight_decay")
    flags = ("nesterov",)
    memories = 1

    def __init__(self, optimizers: Sequence[Optimizer], weights: Tensor) -> None:
        super().__init__(optimizers, weights)
        momentum = self.hyper["momentum"]
        self._taken = torch.where(momentum == 0, 1.0, 1 - self.hyper["dampening"])

    def select(self, kept: Sequence[int]) -> None:
        """Go on with these lanes only."""
        super().select(kept)
        self._taken = chosen(self._taken, kept)

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change the weights; the gradient may be overwritten."""
        self._decay_into(gradient, weights)
        momentum, (velocity,) = self.hyper["momentum"], self.memory
        if self._has("momentum"):
            if self.steps == 0:
                velocity.copy_(gradient)
            else:
                velocity.mul_(momentum).addcmul_(gradient, self._taken)
            gradient = gradient.addcmul_(velocity, momentum) if self.is_set["nesterov"] else velocity
        weights.addcmul_(gradient, self.rate, value=-1)
        self.steps += 1


class RMSpropUpdate(Update):
    """RMSprop, centred or not, with momentum where it is not 0."""

    numbers = ("alpha", "eps", "weight_decay", "momentum")
    flags = ("centered",)
    memories = 3

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change the weights; the gradient may be overwritten."""
        self._decay_into(gradient, weights)
        squares, means, velocity = self.memory
        alpha, momentum = self.hyper["alpha"], self.hyper["momentum"]
        squares.mul_(alpha).addcmul_(gradient * gradient, 1 - alpha)
        if self.is_set["centered"]:
            means.lerp_(gradient, (1 - alpha).expand_as(means))
            length = (squares - means * means).sqrt_()
        else:
            length = squares.sqrt()
        change = gradient.div_(length.add_(self.hyper["eps"]))
        if self._has("momentum"):
            change = velocity.mul_(momentum).add_(change)
        weights.addcmul_(change, self.rate, value=-1)
        self.steps += 1


class AdamUpdate(Update):
    """Adam, whose decay is a part of the gradient."""

    numbers = ("eps", "weight_decay")
    flags = ("amsgrad",)
    memories = 2

    def __init__(self, optimizers: Sequence[Optimizer], weights: Tensor) -> None:
        super().__init__(optimizers, weights)
        betas = [optimizer.param_groups[0]["betas"] for optimizer in optimizers]
        for k in (0, 1):
            column = torch.tensor([[pair[k]] for pair in betas], dtype=torch.float64)
            self.hyper[f"beta{k + 1}"] = column.to(weights.device)

    def _decay(self, weights: Tensor, gradient: Tensor) -> None:
        self._decay_into(gradient, weights)

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change the weights; the gradient may be overwritten."""
        self._decay(weights, gradient)
        self.steps += 1
        first, second = self.hyper["beta1"], self.hyper["beta2"]
        means, squares = self.memory
        means.lerp_(gradient, (1 - first).float().expand_as(means))
        squares.mul_(second.float()).addcmul_(gradient.square_(), (1 - second).float())
        root = (1 - second**self.steps).sqrt().float()
        length = torch.sqrt(squares, out=gradient).div_(root).add_(self.hyper["eps"])
        rate = (self.rate / (1 - first**self.steps)).float()
        weights.sub_(torch.div(means, length, out=length).mul_(rate))


class AdamWUpdate(AdamUpdate):
    """Adam whose decay acts on the weights themselves."""

    def _decay(self, weights: Tensor, gradient: Tensor) -> None:
        if self._has("weight_decay"):
            weights.mul_(1 - self.rate * self.hyper["weight_decay"])


UPDATES: dict[type[Optimizer], type[Update]] = {
    SGD: SGDUpdate,
    RMSprop: RMSpropUpdate,
    Adam: AdamUpdate,
    AdamW: AdamWUpdate,
}


def make_update(optimizers: Sequence[Optimizer], weights: Tensor) -> Update:
    """What steps all lanes as these would each step its own.

    Raises:
        Unpackable: a flag differs, or is one that has no packed form.
    """
    owner = UPDATES.get(type(optimizers[0]))
    if owner is None or any(type(one) is not type(optimizers[0]) for one in optimizers):
        raise Unpackable(f"optimizer {type(optimizers[0]).__name__} cannot be packed")
    return owner(optimizers, weights.detach())


def _column(values: Sequence[Any]) -> Tensor:
    return torch.tensor([[float(value)] for value in values])
