"""Detection: boxes of objects with their classes, trained on the network's own losses by backpropagation."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics.detection import MeanAveragePrecision

from podium.contracts import Batch, Targets
from podium.metrics.detection import OVERLAPS, RECALLS
from podium.tasks.base import Task


class Detection(Task):
    """Minimises the sum of the losses that a network gives for pictures with targets.

    Reports that sum, each of its parts, and in validation COCO's mean average precision: over overlaps of 0.50 to
    0.95, and at 0.50 and 0.75 alone.
    """

    targets: ClassVar[Targets] = "boxes"
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Detections (samples, most detections, 6)."""
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if (
            not isinstance(output, Tensor)
            or output.ndim != 3
            or (len(output), output.shape[2]) != (samples, 6)
        ):
            raise ValueError(
                f"it must give detections of shape ({samples}, most, 6) for {samples} samples, got {found}"
            )

    def loss(self, output: Any, target: Tensor) -> Tensor:
        """The sum of the network's losses."""
        return torch.stack(list(output.values())).sum()

    def errors(self, output: Any, target: Tensor) -> dict[str, Tensor]:
        """The network's losses by name, times the examples."""
        return {name: value.detach().double() * len(target) for name, value in output.items()}

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch with the tricks' edits; what tricks see as the output are the parts of the loss."""
        batch = self.augmented(batch)
        output = self.network(batch.input, batch.target)
        loss = self.loss(output, batch.target)
        for trick in self._loss_tricks:
            loss = trick.edit_loss(loss, self.network, batch, torch.stack(list(output.values())))
        self.record(loss, self.errors(output, batch.target), examples=len(batch.target))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Collect detections anew."""
        # Its own thresholds are in float32: the recall of 3 of 5 boxes is then below its 0.6, and COCO's figure another.
        thresholds = {"iou_thresholds": OVERLAPS.tolist(), "rec_thresholds": RECALLS.tolist()}
        self.precision = MeanAveragePrecision(backend="pycocotools", **thresholds).to(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the losses of one batch, and what was detected in it."""
        losses, examples = self.network(batch.input, batch.target), len(batch.target)
        loss = self.loss(losses, batch.target).double() * examples
        self._validation.append(({"loss": loss, **self.errors(losses, batch.target)}, examples))
        found = [_judged(rows, scored=True) for rows in self.network(batch.input)]
        self.precision.update(found, [_judged(rows, scored=False) for rows in batch.target])

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split, and the mean average precision."""
        super().on_validation_epoch_end()
        measured = self.precision.compute()
        self.log_dict({f"validation/{name}": measured[name] for name in ("map", "map_50", "map_75")})

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True boxes (batch, most objects, 5) and detections (batch, most detections, 6)."""
        return {"label": batch.target, "detections": output}


def _judged(rows: Tensor, *, scored: bool) -> dict[str, Tensor]:
    """The rows of one picture as torchmetrics wants them."""
    there = rows[rows[:, 0] >= 0]
    boxes = {"labels": there[:, 0].long(), "boxes": there[:, -4:]}
    return {**boxes, "scores": there[:, 1]} if scored else boxes
