"""What every task does alike: one training step with the tricks' edits, and means over validation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from podium.contracts import Augmentation, Auxiliary, Batch, Targets, Trick
from podium.tasks.meter import Meter
from podium.tasks.scheduled import Scheduled


def overrides(trick: Trick, edit: str) -> bool:
    """Whether a trick has its own version of an edit."""
    return getattr(type(trick), edit) is not getattr(Trick, edit)


class Task(Scheduled, ABC):
    """A loss with its learning rule and its metrics. Subclasses say what loss, errors and answers are.

    One training step, with augmentations and the tricks' edits in the order of the configuration::

        batch -> augmented -> edit_batch -> network -> edit_target -> loss -> edit_loss -> backward

    ``targets`` is what the data must offer; where ``copies`` is true, outputs are compared with the inputs themselves and
    targets are labels beside them. Where ``softens`` is false, targets are no class probabilities, and tricks that edit
    batches or targets are refused. Where ``by_rule`` is true, it does not follow the gradient of a loss: tasks/rule.py.

    Raises:
        ValueError: fewer than two classes (or than one value), or a trick that this task has no use for.
    """

    targets: ClassVar[Targets] = "classes"
    copies: ClassVar[bool] = False
    softens: ClassVar[bool] = True
    by_rule: ClassVar[bool] = False

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
    ) -> None:
        super().__init__(optimizer=optimizer, schedule=schedule)
        least = 1 if self.targets == "values" else 2
        if num_classes < least:
            raise ValueError(f"num_classes must be at least {least}, got {num_classes}")
        self.network = network
        self.num_classes = num_classes
        self.meter = Meter()
        self.workers = 1  # that train together, each on its share of every batch
        self.records = True  # a trick that passes a batch through a second time switches it off meanwhile
        self._batch_tricks = [t for t in tricks if overrides(t, "edit_batch")]
        self._target_tricks = [t for t in tricks if overrides(t, "edit_target")]
        self._loss_tricks = [t for t in tricks if overrides(t, "edit_loss")]
        self._validation: list[tuple[dict[str, Tensor], int]] = []
        self._augmentations: Sequence[Augmentation] = ()
        self._finish: Callable[[Tensor], Tensor] | None = None
        self.automatic_optimization = not self.by_rule
        self.check_parts()
        for trick in tricks:
            trick.check(self, tricks)

    def check_parts(self) -> None:
        """Raise ValueError for a network or a trick that this task cannot train."""
        if not self.softens and (unfit := [*self._batch_tricks, *self._target_tricks]):
            raise ValueError(
                f"{type(self).__name__} has no class probabilities to edit, got {type(unfit[0]).__name__}; "
                "leave that trick out"
            )

    @staticmethod
    @abstractmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Check what a network gives in evaluation for that many samples of this shape.

        Raises:
            ValueError: the network is of another task.
        """

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean loss of a batch (scalar)."""

    @abstractmethod
    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Metrics by name, as sums over the examples of a batch (scalars); targets as the data has them."""

    @abstractmethod
    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """What is kept of each test example: arrays with the batch in front, among them ``label``."""

    def truth(self, batch: Batch) -> Tensor:
        """What outputs are compared with."""
        return batch.input if self.copies else batch.target

    def counted(self, truth: Tensor) -> int:
        """What means are taken over, and ``errors`` are sums of: the examples."""
        return len(truth)

    def soften(self, target: Tensor) -> Tensor:
        """Targets as class probabilities (batch, classes), for tricks that edit batches or targets."""
        raise TypeError(f"{type(self).__name__} has no class probabilities")  # never called: softens is false

    def output(self, batch: Batch) -> Any:
        """What the network gives for a batch whose loss is asked for."""
        return self.network(batch.input)

    def forward(self, input: Tensor) -> Any:
        """What the network gives."""
        return self.network(input)

    def consult(self, data: Any) -> None:
        """Take from the data of a run, once they fit, what batches do not hold: nothing, in most tasks."""

    @property
    def augments(self) -> bool:
        """Whether training batches must come as ``DataModule.plain`` gives them, for this task to augment and finish."""
        return bool(self._augmentations)

    def augment_with(
        self, augmentations: Sequence[Augmentation], *, finish: Callable[[Tensor], Tensor]
    ) -> None:
        """Augment every training batch from now on; ``finish`` then does to inputs what the data's view does to them."""
        self._augmentations, self._finish = tuple(augmentations), finish

    def augmented(self, batch: Batch) -> Batch:
        """A training batch with its inputs augmented and finished: ``training_step`` begins with it, nothing else does.

        Raises:
            ValueError: values are not from 0 to 1 where an augmentation needs that.
        """
        if self._finish is None or not self._augmentations:
            return batch
        input = batch.input
        with torch.no_grad():
            if self.global_step == 0 and any(
                a.bounded for a in self._augmentations
            ):  # once: it waits for a GPU
                low, high = float(input.min()), float(input.max())
                if low < 0 or high > 1:
                    raise ValueError(
                        f"inputs must be from 0 to 1 for changes of colour, got {low:.3g} to {high:.3g}; "
                        "choose another augmentation"
                    )
            for augmentation in self._augmentations:
                input = augmentation(input)
            return Batch(self._finish(input), batch.target)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch, augmented, all edits applied, auxiliary classifiers included."""
        batch = self.augmented(batch)
        truth = self.truth(batch)
        if self._batch_tricks or self._target_tricks:
            batch = Batch(batch.input, self.soften(truth).to(batch.input.dtype))
        for trick in self._batch_tricks:
            batch = trick.edit_batch(batch)
        given = self.output(batch)
        output = given.logits if isinstance(given, Auxiliary) else given
        target = self.truth(batch)
        for trick in self._target_tricks:
            target = trick.edit_target(target, output)
        loss = self.loss(output, target)
        if isinstance(given, Auxiliary):
            loss = loss + given.weight * sum(self.loss(other, target) for other in given.others)
        for trick in self._loss_tricks:
            loss = trick.edit_loss(loss, self.network, batch, output)
        counted = self.counted(truth)
        self.record(loss, self.errors(output.detach(), truth), examples=counted)
        return self._of_the_whole(loss, examples=counted)

    def _of_the_whole(self, loss: Tensor, *, examples: int) -> Tensor:
        """The loss weighted by a worker's share, so that the mean over workers is the mean over the batch's examples."""
        if self.workers == 1:
            return loss
        mine = torch.tensor(float(examples), device=self.device)
        return loss * (mine * self.workers / self.trainer.strategy.reduce(mine.clone(), reduce_op="sum"))

    def flush(self) -> dict[str, float]:
        """Means of the training metrics since the last flush, over all workers."""
        return self.meter.flush(self.trainer.strategy.reduce if self.workers > 1 else None)

    def record(self, loss: Tensor, sums: Mapping[str, Tensor], *, examples: int) -> None:
        """Note a training batch: train/loss and, by their names, the means of other metrics."""
        if self.records:
            self.meter.update(loss=loss, sums=sums, examples=examples, step=self.global_step)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect sums of loss and errors of one batch."""
        output, truth = self.output(batch), self.truth(batch)
        examples = self.counted(truth)
        loss = self.loss(output, truth).double() * examples
        self._validation.append(({"loss": loss, **self.errors(output, truth)}, examples))

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split, weighted by example, whatever part of it each process saw."""
        reduce = self.trainer.strategy.reduce
        counts = [n for _, n in self._validation]
        examples = reduce(torch.tensor(sum(counts), device=self.device), reduce_op="sum")
        if self.workers > 1:
            loader = self.trainer.val_dataloaders
            assert loader is not None
            if int(examples) != (wanted := self.counted(loader.examples.target)):
                raise AssertionError(
                    f"validation must count each of {wanted} examples once, got {int(examples)}"
                )
        for name in self._validation[0][0]:
            total = torch.stack([sums[name] for sums, _ in self._validation]).sum().double()
            self.log(f"validation/{name}", reduce(total, reduce_op="sum") / examples)
        self._validation.clear()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the meter, and the schedule."""
        checkpoint["meter"] = self.meter.state()
        super().on_save_checkpoint(checkpoint)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.meter.restore(checkpoint["meter"], self.device)
        super().on_load_checkpoint(checkpoint)


def expect_shape(output: Any, shape: tuple[int, ...], *, what: str, samples: int) -> None:
    """Check the shape of a network's output.

    Raises:
        ValueError: it is no tensor of that shape.
    """
    found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if found != shape:
        raise ValueError(f"it must give {what} of shape {shape} for {samples} samples, got {found}")
