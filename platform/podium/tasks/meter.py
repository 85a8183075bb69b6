"""Training metrics that stay on the device until they are asked for.

Lightning's self.log costs about 0.2 ms a call, and even sums on the device cost as much as a small layer: here a step
only keeps its scalars, and they are added up, one after the other in float64, when somebody asks.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

_NEVER = -1


class Meter:
    """Sums of the loss and of other metrics since the last flush, and the first step whose loss was not finite."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []  # not added up yet, with the others
        self._values: dict[str, list[Tensor]] = {}
        self._sizes: list[int] = []
        self._steps: list[int] = []
        self._device = torch.device("cpu")
        self._sums: dict[str, float] = {}
        self._first_bad, self._examples = _NEVER, 0

    def update(self, *, loss: Tensor, sums: Mapping[str, Tensor], examples: int, step: int) -> None:
        """Add one batch: its mean loss (scalar), its size, and other metrics as sums over its examples (scalars)."""
        self._losses.append(loss.detach())
        for name, value in sums.items():
            self._values.setdefault(name, []).append(value)
        self._sizes.append(examples)
        self._steps.append(step)

    def flush(self, reduce: Callable[..., Tensor] | None = None) -> dict[str, float]:
        """Means since the last flush, by logged name; empty when nothing was added.

        With several workers ``reduce(tensor, reduce_op=...)`` brings their sums together.

        Raises:
            FloatingPointError: a loss was NaN or infinite; the message's argument is the step.
        """
        self._add_up()
        if self._examples == 0:
            return {}
        first_bad, examples, sums = self._first_bad, self._examples, self._sums
        if reduce is not None:
            first_bad, examples, sums = self._of_all(reduce)
        if first_bad != _NEVER:
            raise FloatingPointError(first_bad)
        self._empty()
        return {f"train/{name}": value / examples for name, value in sums.items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        self._add_up()
        sums = {name: value for name, value in self._sums.items() if name != "loss"}
        return {
            "loss": self._sums.get("loss", 0.0),
            "first_bad": self._first_bad,
            "sums": sums,
            "examples": self._examples,
        }

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from a checkpoint's sums."""
        self._empty()
        self._device, self._examples = device, state["examples"]
        if self._examples:
            self._first_bad = int(state["first_bad"])
            sums = {"loss": state["loss"], **state["sums"]}
            self._sums = {name: float(value) for name, value in sums.items()}

    def _empty(self) -> None:
        self._sums, self._first_bad, self._examples = {}, _NEVER, 0

    def _add_up(self) -> None:
        """Bring the steps that were kept into the sums: the same numbers whenever it is done."""
        if not self._losses:
            return
        self._device = self._losses[0].device
        losses = torch.stack(self._losses)
        if self._first_bad == _NEVER and not bool(torch.isfinite(losses).all()):
            finite = torch.isfinite(losses).tolist()
            self._first_bad = self._steps[finite.index(False)]
        weighted = [loss * size for loss, size in zip(losses.tolist(), self._sizes, strict=True)]
        kept = {"loss": weighted, **{n: torch.stack(v).tolist() for n, v in self._values.items()}}
        for name, values in kept.items():
            for value in values:
                self._sums[name] = self._sums.get(name, 0.0) + value
        self._examples += sum(self._sizes)
        self._losses, self._values, self._sizes, self._steps = [], {}, [], []

    def _of_all(self, reduce: Callable[..., Tensor]) -> tuple[int, int, dict[str, float]]:
        """First bad step, examples and sums over all workers."""

        def over(value: float, how: str, kind: torch.dtype) -> Tensor:
            return reduce(torch.tensor(value, dtype=kind, device=self._device), reduce_op=how)

        never = torch.iinfo(torch.int64).max
        mine = never if self._first_bad == _NEVER else self._first_bad
        first = int(over(mine, "min", torch.int64))
        examples = int(over(self._examples, "sum", torch.int64))
        sums = {name: float(over(value, "sum", torch.float64)) for name, value in self._sums.items()}
        return (_NEVER if first == never else first), examples, sums
