"""Tasks without a trainer."""

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR

from podium.contracts import Batch
from podium.tasks.rule import RuleTask


def make_task(kind: Any, network: nn.Module, *tricks: object, num_classes: int = 2, **more: Any) -> Any:
    """A task as the composition root makes it."""
    return kind(
        network=network,
        tricks=tricks,
        optimizer=partial(torch.optim.SGD, lr=1.0),
        schedule=partial(ConstantLR, factor=1.0, total_iters=0),
        num_classes=num_classes,
        **more,
    )


@torch.no_grad()
def learn(task: RuleTask, batch: Batch, *, rate: float) -> bool:
    """Add what the rule says to the weights; whether that was anything."""
    _, corrections = task.corrections(batch)
    for parameter, correction in corrections.items():
        parameter.add_(correction, alpha=rate)
    return any(bool(correction.any()) for correction in corrections.values())
