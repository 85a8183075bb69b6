"""A second pass of a training batch through the task, for tricks that need its loss once more."""

from typing import Any

import pytorch_lightning as pl
from torch import Tensor


def pass_again(trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int) -> Tensor:
    """The loss of a batch, with its edits and in the run's precision, not recorded among the training metrics."""
    task: Any = pl_module
    task.records = False
    try:
        loss = trainer.strategy.training_step(batch, batch_idx)
    finally:
        task.records = True
    assert isinstance(loss, Tensor)
    return loss
