"""Tagging: a tag for every place of a sequence, by cross-entropy, trained by backpropagation."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from podium.contracts import Batch, Targets
from podium.metrics.tagging import Counts, count
from podium.tasks.places import NOTHING, AtEveryPlace


class Tagging(AtEveryPlace):
    """Minimises the cross-entropy of tags; reports wrong tags, and F1 of whole entities.

    F1 is taken once a validation, of counts over the whole split.
    """

    targets: ClassVar[Targets] = "tags"

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Places whose most probable tag is another."""
        return {"token_error": ((output.argmax(1) != target) & (target != NOTHING)).sum()}

    def on_validation_epoch_start(self) -> None:
        """Count entities anew."""
        self.found = [0, 0, 0]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect sums of loss and errors of one batch, and its entities."""
        output, examples = self.network(batch.input), self.counted(batch.target)
        loss = self.loss(output, batch.target).double() * examples
        self._validation.append(({"loss": loss, **self.errors(output, batch.target)}, examples))
        new = count(output.argmax(1).cpu().numpy(), batch.target.cpu().numpy())
        self.found = [old + more for old, more in zip(self.found, new, strict=True)]

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split, and F1 from the counts of all workers."""
        super().on_validation_epoch_end()
        reduce = self.trainer.strategy.reduce
        mine = [torch.tensor(float(number), device=self.device) for number in self.found]
        self.log("validation/f1", Counts(*(int(reduce(number, reduce_op="sum")) for number in mine)).f1)

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Tags, true and predicted."""
        return {"label": batch.target, "tags": output.argmax(1)}
