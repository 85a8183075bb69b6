"""Training metrics that stay on the device until they are asked for.

Lightning's self.log costs about 0.2 ms a call; three additions on the device cost a hundredth of that.
"""

import torch
from torch import Tensor


class Meter:
    """Running sums of loss and errors, and the first step whose loss was not finite."""

    def __init__(self) -> None:
        self._loss: Tensor | None = None
        self._wrong: Tensor | None = None
        self._first_bad: Tensor | None = None
        self._examples = 0

    def update(self, *, loss: Tensor, wrong: Tensor, examples: int, step: int) -> None:
        """Add one batch: its mean loss (scalar), its number of wrong answers (scalar) and its size."""
        loss = loss.detach()
        if self._loss is None or self._wrong is None or self._first_bad is None:
            self._loss = torch.zeros((), dtype=torch.float64, device=loss.device)
            self._wrong = torch.zeros((), dtype=torch.int64, device=loss.device)
            self._first_bad = torch.full((), -1, dtype=torch.int64, device=loss.device)
        self._loss += loss * examples
        self._wrong += wrong
        bad_now = torch.where(torch.isfinite(loss), -1, step)
        self._first_bad = torch.where(self._first_bad < 0, bad_now, self._first_bad)
        self._examples += examples

    def flush(self) -> dict[str, float]:
        """Means since the last flush; empty when nothing was added.

        Raises:
            FloatingPointError: a loss was NaN or infinite; the message's argument is the step.
        """
        if self._loss is None or self._wrong is None or self._first_bad is None or self._examples == 0:
            return {}
        if (step := int(self._first_bad)) >= 0:
            raise FloatingPointError(step)
        means = {
            "train/loss": float(self._loss) / self._examples,
            "train/top1_error": int(self._wrong) / self._examples,
        }
        self._loss = self._wrong = self._first_bad = None
        self._examples = 0
        return means

    def state(self) -> dict[str, Tensor | int | None]:
        """What a checkpoint keeps."""
        return {
            "loss": self._loss,
            "wrong": self._wrong,
            "first_bad": self._first_bad,
            "examples": self._examples,
        }

    def restore(self, state: dict[str, Tensor | int | None], device: torch.device) -> None:
        """Go on from a checkpoint's sums."""

        def tensor(name: str) -> Tensor | None:
            value = state[name]
            return value.to(device) if isinstance(value, Tensor) else None

        self._loss, self._wrong, self._first_bad = tensor("loss"), tensor("wrong"), tensor("first_bad")
        examples = state["examples"]
        assert isinstance(examples, int)
        self._examples = examples
