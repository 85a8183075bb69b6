"""The optimizer and the learning rate's schedule of a module that is trained, and their place on a resume."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from podium.optim.change import take_up, values_of
from podium.optim.cyclic_cosine import CyclicCosine


class Scheduled(pl.LightningModule):
    """A module with one optimizer over all its parameters that are trained, and a schedule for its rates.

    The schedule is stepped once an epoch (a cyclic one with the optimizer), here and not by Lightning, because Lightning
    does so after the hook in which the epoch's checkpoint is written, which would lose that step on a resume.
    """

    def __init__(
        self,
        *,
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
    ) -> None:
        super().__init__()
        self.takes_up = (
            False  # a checkpoint of other values, in place of which its own are to count from here on
        )
        self._make_optimizer = optimizer
        self._make_schedule = schedule
        self._schedule: LRScheduler | None = None
        self._saved_schedule: dict[str, Any] | None = None
        self._values: list[dict[str, Any]] = []  # of the optimizer, as it was made
        self._saved_rates: list[float] = []

    def configure_optimizers(self) -> Optimizer:
        """The optimizer over all parameters that are trained."""
        return self._make_optimizer([p for p in self.parameters() if p.requires_grad])

    def on_fit_start(self) -> None:
        """Make the schedule, once tricks have divided the optimizer's groups in their own ``on_fit_start``."""
        (optimizer,) = self.trainer.optimizers
        self._values = values_of(optimizer)
        self._schedule = self._make_schedule(optimizer)

    def on_train_start(self) -> None:
        """Bring back the schedule's state once the optimizer has its own, or its place where other values count now."""
        assert self._schedule is not None
        if self._saved_schedule is not None and self.takes_up:
            (optimizer,) = self.trainer.optimizers
            self._schedule = take_up(
                optimizer,
                self._planned_schedule,
                values=self._values,
                rates=self._saved_rates,
                place=self._saved_schedule,
            )
        elif self._saved_schedule is not None:
            self._schedule.load_state_dict(self._saved_schedule)
        self._saved_schedule = None
        self._plan(self._schedule)

    def _planned_schedule(self, optimizer: Optimizer) -> LRScheduler:
        schedule = self._make_schedule(optimizer)
        self._plan(schedule)
        return schedule

    def _plan(self, schedule: LRScheduler) -> None:
        if isinstance(schedule, CyclicCosine):
            schedule.plan(int(self.trainer.estimated_stepping_batches))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step the optimizer, and a cyclic schedule with it."""
        super().optimizer_step(*args, **kwargs)
        if isinstance(self._schedule, CyclicCosine):
            self._schedule.step()

    def on_train_epoch_end(self) -> None:
        """Step the schedule; a plateau schedule looks at the validation loss."""
        assert self._schedule is not None
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.step(self.trainer.callback_metrics["validation/loss"])
        elif not isinstance(self._schedule, CyclicCosine):
            self._schedule.step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the schedule, and the rates that it began with."""
        assert self._schedule is not None
        checkpoint["schedule"] = self._schedule.state_dict()
        checkpoint["rates"] = [values["lr"] for values in self._values]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint's schedule, once training starts."""
        self._saved_schedule = checkpoint["schedule"]
        self._saved_rates = checkpoint.get("rates", [])
