"""Segmentation: a class for every pixel, trained on cross-entropy by backpropagation."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassJaccardIndex

from podium.contracts import Batch, Targets
from podium.metrics.segmentation import IGNORED
from podium.tasks.base import Task, expect_shape


class Segmentation(Task):
    """Minimises the cross-entropy of pixels; reports loss, wrong pixels (fractions) and mean intersection over union.

    Pixels that are marked 255 count nowhere. The mean over classes is taken once a validation, of counts over the
    whole split; a class that is neither there nor predicted has no part in it.
    """

    targets: ClassVar[Targets] = "masks"
    softens: ClassVar[bool] = False

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits (samples, classes, height, width)."""
        expect_shape(
            output, (samples, num_classes, *shape[1:]), what="logits of every pixel", samples=samples
        )

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy of the pixels that count; 0 where none does."""
        pixels, classes = output.movedim(1, -1).flatten(0, -2), target.flatten().long()
        # A list of pixels and no images: torch has a deterministic loss on GPUs for the one and not for the other.
        summed = F.cross_entropy(pixels, classes, ignore_index=IGNORED, reduction="sum")
        return summed / (classes != IGNORED).sum().clamp(min=1)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Of each example the share of pixels whose most probable class is another."""
        counted = target != IGNORED
        wrong = ((output.argmax(1) != target) & counted).flatten(1).sum(1)
        return {"pixel_error": (wrong / counted.flatten(1).sum(1).clamp(min=1)).sum()}

    def on_validation_epoch_start(self) -> None:
        """Count pixels anew."""
        overlap = MulticlassJaccardIndex(num_classes=self.num_classes, ignore_index=IGNORED)
        self.overlap = overlap.to(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect sums of loss and errors of one batch, and the counts for the overlap."""
        output, examples = self.network(batch.input), len(batch.target)
        loss = self.loss(output, batch.target).double() * examples
        self._validation.append(({"loss": loss, **self.errors(output, batch.target)}, examples))
        self.overlap.update(output.argmax(1), batch.target.long())

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split, and the mean intersection over union."""
        super().on_validation_epoch_end()
        self.log("validation/mean_iou", self.overlap.compute())

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """Class of every pixel, true and predicted, as bytes."""
        return {"label": batch.target.to(torch.uint8), "prediction": output.argmax(1).to(torch.uint8)}
