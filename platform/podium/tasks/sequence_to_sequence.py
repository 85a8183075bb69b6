"""Sequence to sequence: a sequence of symbols is written about an input, trained by backpropagation through time."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from podium.contracts import FILLING, Batch, Targets, Trick
from podium.layers.writer import Writer, cut
from podium.metrics.sequence_to_sequence import UNKNOWN
from podium.tasks.base import Task


class SequenceToSequence(Task):
    """Minimises the cross-entropy of the next symbol behind the true ones before it, averaged over all places.

    Reports that loss, and ``forced_accuracy``, the share of places whose likeliest symbol is right when those before it are
    told. In validation the network also writes by itself, with a beam of ``beams`` (1: the likeliest symbol every time):
    ``symbol_accuracy`` is the share of the target's places, its end included, at which the right symbol was written, and
    ``sequence_accuracy`` the share of sequences that are right at all places.

    Raises:
        ValueError: the network does not write, or the beam is empty or wider than there are symbols.
    """

    targets: ClassVar[Targets] = "sequences"
    softens: ClassVar[bool] = False
    network: Writer

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
        beams: int,
    ) -> None:
        super().__init__(
            network=network, tricks=tricks, optimizer=optimizer, schedule=schedule, num_classes=num_classes
        )
        if not 1 <= beams <= self.num_classes:
            raise ValueError(
                f"beams must be from 1 to the {self.num_classes} symbols, got {beams}; set task.beams=1"
            )
        self.beams = beams

    def check_parts(self) -> None:
        """Raise ValueError for a network that does not write, and what tasks refuse."""
        super().check_parts()
        if not isinstance(self.network, Writer):
            raise ValueError(
                f"the network must write sequences, got {type(self.network).__name__}; choose network=seq2seq"
            )

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits of every place that may be written (samples, classes, longest)."""
        found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if not isinstance(output, Tensor) or output.ndim != 3 or found[:2] != (samples, num_classes):
            raise ValueError(
                f"it must give logits of shape ({samples}, {num_classes}, longest) for {samples} samples, got {found}"
            )

    def output(self, batch: Batch) -> Tensor:
        """Logits of the target's places, behind its own symbols."""
        logits: Tensor = self.network(batch.input, batch.target)
        return logits

    def counted(self, truth: Tensor) -> int:
        """Places of the targets, ends included."""
        return int((truth != FILLING).sum())

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy over places."""
        return F.cross_entropy(output, target, ignore_index=FILLING)

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Places whose likeliest symbol is right, when those before it are told."""
        return {"forced_accuracy": right(output.argmax(1), target).sum()}

    def written(self, output: Tensor, input: Tensor) -> Tensor:
        """What the network writes by itself (batch, longest); ``output`` is what it gave for the input alone."""
        if self.beams == 1:
            return cut(output.argmax(1))
        return self.network.search(input.to(output.device), beams=self.beams)[0]

    def on_validation_epoch_start(self) -> None:
        """Count anew."""
        self.symbols, self.sequences = MeanMetric().to(self.device), MeanMetric().to(self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the loss behind true symbols, and what the network writes by itself."""
        super().validation_step(batch, batch_idx)
        self.judge(self.written(self.network(batch.input), batch.input), batch.target)

    def judge(self, written: Tensor, target: Tensor) -> None:
        """Count what is right in a batch."""
        hits, places = right(written, target), (target != FILLING).sum(1)
        self.symbols.update(hits.sum(1) / places, places)
        self.sequences.update((hits.sum(1) == places).float())

    def on_validation_epoch_end(self) -> None:
        """Log the means over the whole split."""
        super().on_validation_epoch_end()
        self.log("validation/symbol_accuracy", self.symbols.compute())
        self.log("validation/sequence_accuracy", self.sequences.compute())

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True sequences, and what was written, up to its end and filled up with -1."""
        return {"label": batch.target, "written": self.written(output, batch.input)}


def right(written: Tensor, target: Tensor) -> Tensor:
    """Whether the right symbol is written, at every place of the target; what no vocabulary holds is never right."""
    width = target.shape[1]
    reached = F.pad(written[:, :width], (0, max(0, width - written.shape[1])), value=FILLING)
    hit: Tensor = (reached == target) & (target != FILLING) & (target != UNKNOWN)
    return hit
