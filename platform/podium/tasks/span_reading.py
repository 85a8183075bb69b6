"""Span reading: the answer to a question as a span of a paragraph, by cross-entropy of its two ends, trained by
backpropagation.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from podium.contracts import FILLING, Batch, Targets, Trick, Wording
from podium.metrics.span_reading import FIRST_WORD, marks
from podium.tasks.base import Task, expect_shape


class SpanReading(Task):
    """Minimises the sum of the cross-entropies of an answer's first and last place.

    Reports that loss, and ``span_error``, the share of answers that do not have both places right; in validation also
    ``exact_match`` and ``f1``, of the answers' words. The answer is the likeliest span of at most ``longest`` places.

    Raises:
        ValueError: no place is left for an answer.
    """

    targets: ClassVar[Targets] = "spans"
    softens: ClassVar[bool] = False

    def __init__(
        self,
        *,
        network: nn.Module,
        tricks: Sequence[Trick],
        optimizer: Callable[[Any], Optimizer],
        schedule: Callable[[Optimizer], LRScheduler],
        num_classes: int,
        longest: int,
    ) -> None:
        super().__init__(
            network=network, tricks=tricks, optimizer=optimizer, schedule=schedule, num_classes=num_classes
        )
        if longest < 1:
            raise ValueError(f"longest must be at least 1, got {longest}; set task.longest=15")
        self.longest = longest
        self.wording: Wording | None = None

    def consult(self, data: Any) -> None:
        """Take the data's word for what stands in a span."""
        self.wording = data

    @staticmethod
    def check_output(output: Any, *, samples: int, num_classes: int, shape: Sequence[int]) -> None:
        """Logits of every place as the first and as the last one (samples, 2, places)."""
        expect_shape(
            output, (samples, 2, num_classes), what="logits of first and last places", samples=samples
        )

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The sum over both ends of the mean cross-entropy; an answer without a place does not count."""
        first, last = (F.cross_entropy(output[:, k], target[:, 1 + k], ignore_index=FILLING) for k in (0, 1))
        return first + last

    def errors(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Answers of which a place is wrong."""
        return {
            "span_error": (likeliest(output, longest=self.longest) != target[:, 1:FIRST_WORD]).any(1).sum()
        }

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect sums of loss and errors of one batch, and of what is right of the words."""
        output, examples = self.network(batch.input), len(batch.target)
        words = self.answers(output, batch)["answer"]
        exact_match, f1 = marks(words.numpy(), batch.target.cpu().numpy())
        sums = {
            "loss": self.loss(output, batch.target).double() * examples,
            **self.errors(output, batch.target),
            "exact_match": torch.tensor(exact_match.sum(), device=self.device, dtype=torch.float32),
            "f1": torch.tensor(f1.sum(), device=self.device, dtype=torch.float32),
        }
        self._validation.append((sums, examples))

    def answers(self, output: Any, batch: Batch) -> dict[str, Tensor]:
        """True answers, the span that was chosen, and the numbers of its words."""
        assert self.wording is not None, "data were not consulted"
        span = likeliest(output, longest=self.longest)
        words = self.wording.answer_words(batch.target[:, 0].cpu(), span.cpu(), width=self.longest)
        return {"label": batch.target, "span": span, "answer": words}


def likeliest(output: Float[Tensor, "batch 2 places"], *, longest: int) -> Int[Tensor, "batch 2"]:
    """First and last place of the span with the largest probability, of those of at most so many places.

    Both ends are independent: the largest sum of two logits.
    """
    first, last = output.unbind(1)
    places = first.shape[1]
    sums = torch.full((len(output), min(longest, places), places), float("-inf"), device=output.device)
    for more in range(sums.shape[1]):
        sums[:, more, : places - more] = first[:, : places - more].float() + last[:, more:].float()
    best = sums.flatten(1).argmax(1)
    start = best % places
    return torch.stack([start, start + best // places], dim=1)
