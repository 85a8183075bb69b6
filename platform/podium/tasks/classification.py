"""Classification: softmax cross-entropy over exclusive classes, trained by backpropagation."""

from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from podium.contracts import Batch, Trick
from podium.tasks.meter import Meter


def overrides(trick: Trick, edit: str) -> bool:
    """Whether a trick has its own version of an edit."""
    return getattr(type(trick), edit) is not getattr(Trick, edit)


class Classification(pl.LightningModule):
    """Minimises cross-entropy; reports loss and top-1 error (fractions).

    One training step, with the tricks' edits in the order of the configuration::

        batch -> edit_batch -> network -> edit_target -> cross-entropy -> edit_loss -> backward

    The schedule is stepped once an epoch, here and not by Lightning, because Lightning does so after the hook in which
    the epoch's checkpoint is written, which would lose that step on a resume.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
    ) -> None:
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2, got {num_classes}")
        self.network = network
        self.num_classes = num_classes
        self.meter = Meter()
        self._make_optimizer = optimizer
        self._make_schedule = schedule
        self._schedule: LRScheduler | None = None
        self._saved_schedule: dict[str, Any] | None = None
        self._batch_tricks = [t for t in tricks if overrides(t, "edit_batch")]
        self._target_tricks = [t for t in tricks if overrides(t, "edit_target")]
        self._loss_tricks = [t for t in tricks if overrides(t, "edit_loss")]
        self._validation: list[tuple[Tensor, Tensor, int]] = []

    def forward(self, input: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        logits: Tensor = self.network(input)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, all edits applied."""
        truth = batch.target
        if self._batch_tricks or self._target_tricks:
            batch = Batch(batch.input, F.one_hot(truth, self.num_classes).to(batch.input.dtype))
        for trick in self._batch_tricks:
            batch = trick.edit_batch(batch)
        output = self.network(batch.input)
        target = batch.target
        for trick in self._target_tricks:
            target = trick.edit_target(target, output)
        loss = F.cross_entropy(output, target)
        for trick in self._loss_tricks:
            loss = trick.edit_loss(loss, self.network, batch, output)
        wrong = (output.detach().argmax(1) != truth).sum()
        self.meter.update(loss=loss, wrong=wrong, examples=len(truth), step=self.global_step)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect sums of loss and errors of one batch."""
        output = self.network(batch.input)
        loss = F.cross_entropy(output, batch.target, reduction="sum")
        self._validation.append((loss.double(), (output.argmax(1) != batch.target).sum(), len(batch.target)))

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split, weighted by example."""
        examples = sum(n for _, _, n in self._validation)
        loss = torch.stack([loss for loss, _, _ in self._validation]).sum() / examples
        wrong = torch.stack([wrong for _, wrong, _ in self._validation]).sum().double() / examples
        self._validation.clear()
        self.log_dict({"validation/loss": loss, "validation/top1_error": wrong})

    def configure_optimizers(self) -> Optimizer:
        """The optimizer over all parameters that are trained; the schedule is made beside it."""
        optimizer = self._make_optimizer([p for p in self.parameters() if p.requires_grad])
        self._schedule = self._make_schedule(optimizer)
        return optimizer

    def on_train_start(self) -> None:
        """Bring back the schedule's state once the optimizer has its own."""
        if self._saved_schedule is not None and self._schedule is not None:
            self._schedule.load_state_dict(self._saved_schedule)
            self._saved_schedule = None

    def on_train_epoch_end(self) -> None:
        """Step the schedule; a plateau schedule looks at the validation loss."""
        assert self._schedule is not None
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.step(self.trainer.callback_metrics["validation/loss"])
        else:
            self._schedule.step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the meter and the schedule."""
        assert self._schedule is not None
        checkpoint["meter"] = self.meter.state()
        checkpoint["schedule"] = self._schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.meter.restore(checkpoint["meter"], self.device)
        self._saved_schedule = checkpoint["schedule"]
