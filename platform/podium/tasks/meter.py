"""Training metrics that stay on the device until they are asked for.

Lightning's self.log costs about 0.2 ms a call; three additions on the device cost a hundredth of that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor


class Meter:
    """Running sums of the loss and of other metrics, and the first step whose loss was not finite."""

    def __init__(self) -> None:
        self._loss: Tensor | None = None
        self._first_bad: Tensor | None = None
        self._sums: dict[str, Tensor] = {}
        self._examples = 0

    def update(self, *, loss: Tensor, sums: Mapping[str, Tensor], examples: int, step: int) -> None:
        """Add one batch: its mean loss (scalar), its size, and other metrics as sums over its examples (scalars)."""
        loss = loss.detach()
        if self._loss is None or self._first_bad is None:
            self._loss = torch.zeros((), dtype=torch.float64, device=loss.device)
            self._first_bad = torch.full((), -1, dtype=torch.int64, device=loss.device)
            self._sums = {name: torch.zeros_like(self._loss) for name in sums}
        self._loss += loss * examples
        for name, value in sums.items():
            self._sums[name] += value
        bad_now = torch.where(torch.isfinite(loss), -1, step)
        self._first_bad = torch.where(self._first_bad < 0, bad_now, self._first_bad)
        self._examples += examples

    def flush(self, reduce: Callable[..., Tensor] | None = None) -> dict[str, float]:
        """Means since the last flush, by logged name; empty when nothing was added.

        With several workers ``reduce(tensor, reduce_op=...)`` brings their sums together.

        Raises:
            FloatingPointError: a loss was NaN or infinite; the message's argument is the step.
        """
        if self._loss is None or self._first_bad is None or self._examples == 0:
            return {}
        first_bad, examples, sums = self._first_bad, self._examples, {"loss": self._loss, **self._sums}
        if reduce is not None:
            never = torch.iinfo(first_bad.dtype).max
            first_bad = reduce(torch.where(first_bad < 0, never, first_bad), reduce_op="min")
            first_bad = torch.where(first_bad == never, -1, first_bad)
            examples = int(reduce(torch.tensor(examples, device=first_bad.device), reduce_op="sum"))
            sums = {name: reduce(value.clone().double(), reduce_op="sum") for name, value in sums.items()}
        if (step := int(first_bad)) >= 0:
            raise FloatingPointError(step)
        means = {f"train/{name}": float(value) / examples for name, value in sums.items()}
        self._loss = self._first_bad = None
        self._examples = 0
        return means

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "loss": self._loss,
            "first_bad": self._first_bad,
            "sums": dict(self._sums),
            "examples": self._examples,
        }

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from a checkpoint's sums."""

        def moved(value: Tensor | None) -> Tensor | None:
            return None if value is None else value.to(device)

        self._loss, self._first_bad = moved(state["loss"]), moved(state["first_bad"])
        self._sums = {name: value.to(device) for name, value in state["sums"].items()}
        self._examples = state["examples"]
