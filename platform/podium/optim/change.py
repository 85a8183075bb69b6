"""Other values for an optimizer and its schedule in mid-training: moments, and the place in the schedule, stay as they are.

The schedule is made anew and led to its place, so its rates are those of a run that had these values from the start.
One that looks at the training, ReduceLROnPlateau, keeps what it has seen, and so many reductions of the new rate as it had
made of the old one.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

_SEEN = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")  # by a plateau schedule


def values_of(optimizer: Optimizer) -> list[dict[str, Any]]:
    """The values of each group of parameters, rates and all, without the parameters."""
    return [
        {key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups
    ]


def take_up(
    optimizer: Optimizer,
    make_schedule: Callable[[Optimizer], LRScheduler],
    *,
    values: Sequence[Mapping[str, Any]],
    rates: Sequence[float],
    place: Mapping[str, Any],
) -> LRScheduler:
    """Give an optimizer with a checkpoint's state other values, and a schedule for them at the checkpoint's place.

    ``values`` are those of each group before a schedule touched them, ``rates`` what their learning rates were before
    these values, and ``place`` the state of the checkpoint's schedule.
    """
    reduced = [group["lr"] for group in optimizer.param_groups]
    for group, new in zip(optimizer.param_groups, values, strict=True):
        group.pop("initial_lr", None)
        group.update(new)
    schedule = make_schedule(optimizer)
    if isinstance(schedule, ReduceLROnPlateau):
        _reduce(optimizer, reduced, rates)
        for name in _SEEN:
            setattr(schedule, name, place[name])
        schedule._last_lr = [group["lr"] for group in optimizer.param_groups]
        return schedule
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step\\(\\)` before")
        for _ in range(place["last_epoch"]):
            schedule.step()
    return schedule


def _reduce(optimizer: Optimizer, reduced: Sequence[float], rates: Sequence[float]) -> None:
    """Reduce each rate as often as the one before it was; an equal one to the same bits."""
    for group, now, before in zip(optimizer.param_groups, reduced, rates, strict=True):
        if group["lr"] == before:
            group["lr"] = now
        elif before:
            group["lr"] *= now / before
