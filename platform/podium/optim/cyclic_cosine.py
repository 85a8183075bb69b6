"""The cyclic cosine schedule of snapshot ensembles (Huang, Li, Pleiss, Liu, Hopcroft and Weinberger 2017,
https://arxiv.org/abs/1704.00109), formula (2).

    lr(t) = lr0 / 2 * (cos(pi * mod(t - 1, ceil(T / M)) / ceil(T / M)) + 1)        in step t of T, with M cycles

Differs from the paper: where T is no multiple of M, cycles differ by one step, where the paper's last one is cut short,
by as much as all but its first steps: cycle k of 0 to M - 1 begins behind step floor(k * T / M).
"""

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class CyclicCosine(LRScheduler):
    """Lets the rate fall from the optimizer's own to nearly nothing, ``cycles`` times in a run; stepped with the optimizer.

    Raises:
        ValueError: there is not one cycle.
    """

    def __init__(self, optimizer: Optimizer, *, cycles: int) -> None:
        if cycles < 1:
            raise ValueError(f"cycles must be at least 1, got {cycles}; 1 is a cosine over the run")
        self.cycles = cycles
        self.steps = 0  # of the whole run, once ``plan`` has said it
        super().__init__(optimizer)

    def plan(self, steps: int) -> None:
        """Say how many steps the whole run has, before the first one."""
        self.steps = steps

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group of parameters in the next step."""
        share = (math.cos(math.pi * self._place()) + 1) / 2
        return [rate * share for rate in self.base_lrs]

    def _place(self) -> float:
        """How much of its cycle is over before the next step."""
        if self.last_epoch == 0:
            return 0.0
        cycle = ((self.last_epoch + 1) * self.cycles - 1) // self.steps
        begin, end = (k * self.steps // self.cycles for k in (cycle, cycle + 1))
        return (self.last_epoch - begin) / (end - begin)
