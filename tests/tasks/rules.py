"""Tasks without a trainer."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import pytest
import pytorch_lightning as pl
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


def validated(
    task: Any, batches: Iterable[Batch], monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, float], list[dict[str, torch.Tensor]]]:
    """What two epochs of validation log, the second without anything of the first; and the answers to each batch."""
    given, logged = list(batches), dict[str, float]()
    task.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    monkeypatch.setattr(task, "log", lambda name, value: logged.update({name: float(value)}))
    monkeypatch.setattr(
        task, "log_dict", lambda values: logged.update({k: float(v) for k, v in values.items()})
    )
    for _ in range(2):
        task.on_validation_epoch_start()
        with torch.no_grad():
            for batch in given:
                task.validation_step(batch, 0)
        task.on_validation_epoch_end()
    with torch.no_grad():
        return logged, [task.answers(task.network(batch.input), batch) for batch in given]


@torch.no_grad()
def learn(task: RuleTask, batch: Batch, *, rate: float) -> bool:
    """Add what the rule says to the weights; whether that was anything."""
    _, corrections = task.corrections(batch)
    for parameter, correction in corrections.items():
        parameter.add_(correction, alpha=rate)
    return any(bool(correction.any()) for correction in corrections.values())
