"""The ends of an answer."""

import pytest
import pytorch_lightning as pl
import torch
from rules import make_task
from torch import nn
from torch.nn import functional as F

from podium.contracts import Batch
from podium.metrics.span_reading import evaluate, word_number
from podium.tasks.span_reading import SpanReading, likeliest
from podium.tricks.label_smoothing import LabelSmoothing

PLACES = 6
WORDS = [[word_number(word)] for word in ["a1", "b2", "c3", "d4", "e5", "f6"]]


class Table(nn.Module):
    """Logits of places by the symbol that stands there."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(9, 2))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.table[input.long()].transpose(1, 2)


class Alphabet:
    """Data whose every paragraph is the same six words."""

    def answer_words(self, numbers: torch.Tensor, spans: torch.Tensor, *, width: int) -> torch.Tensor:
        rows = torch.full((len(numbers), width), -1)
        for row, (first, last) in enumerate(spans.tolist()):
            words = torch.tensor(WORDS[first : last + 1]).flatten()
            rows[row, : len(words)] = words
        return rows


def batches() -> list[Batch]:
    draw = torch.Generator().manual_seed(1)
    made = []
    for size in (2, 5, 3):
        input = torch.randint(9, (size, PLACES), generator=draw).float()
        ends = torch.randint(PLACES, (size, 2), generator=draw).sort(1).values
        target = torch.full((size, 3 + 2 * PLACES + 2), -1)
        target[:, 0], target[:, 1:3] = torch.arange(size), ends
        for row, (first, last) in enumerate(ends.tolist()):
            true = [*torch.tensor(WORDS[first : last + 1]).flatten().tolist(), 0, WORDS[0][0], 0]
            target[row, 3 : 3 + len(true)] = torch.tensor(true)
        made.append(Batch(input, target))
    return made


def make(longest: int = 3, *tricks: object) -> SpanReading:
    task = make_task(SpanReading, Table(), *tricks, num_classes=PLACES, longest=longest)
    task.consult(Alphabet())
    return task


def test_the_loss_is_the_sum_of_two_cross_entropies_and_errors_are_of_both_ends() -> None:
    task, batch = make(), batches()[1]
    logits = task.network(batch.input)
    both = [F.cross_entropy(logits[:, end], batch.target[:, 1 + end]) for end in (0, 1)]
    torch.testing.assert_close(task.training_step(batch, 0), both[0] + both[1])
    wrong = (likeliest(logits, longest=3) != batch.target[:, 1:3]).any(1).double().mean()
    assert task.flush()["train/span_error"] == pytest.approx(float(wrong))


def test_an_answer_that_is_not_read_has_no_loss() -> None:
    task, batch = make(), batches()[1]
    target = batch.target.clone()
    target[2:, 1:3] = -1
    logits = task.network(batch.input)
    torch.testing.assert_close(task.loss(logits, target), task.loss(logits[:2], target[:2]))


@pytest.mark.parametrize("longest", [1, 3, 20])
def test_the_likeliest_span_does_not_end_before_it_begins_and_is_not_too_long(longest: int) -> None:
    logits = torch.randn(40, 2, 7, generator=torch.Generator().manual_seed(0))
    logits[20:, :, 5:] = float("-inf")
    found = likeliest(logits, longest=longest)
    probability = logits.softmax(2)
    for row, (first, last) in enumerate(found.tolist()):
        spans = [(i, j) for i in range(7) for j in range(i, min(7, i + longest))]
        best = max(spans, key=lambda span: probability[row, 0, span[0]] * probability[row, 1, span[1]])
        assert (first, last) == best
    free = torch.stack([logits[:, 0].argmax(1), logits[:, 1].argmax(1)], 1)
    assert (found != free).any()


def test_validation_logs_the_means_of_the_whole_split(monkeypatch) -> None:
    task = make().eval()
    task.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    logged: dict[str, float] = {}
    monkeypatch.setattr(task, "log", lambda name, value: logged.update({name: float(value)}))
    with torch.no_grad():
        for batch in batches():
            task.validation_step(batch, 0)
        task.on_validation_epoch_end()
        each = [task.answers(task.network(batch.input), batch) for batch in batches()]
        losses = [float(task.loss(task.network(batch.input), batch.target)) for batch in batches()]
    arrays = {name: torch.cat([answers[name] for answers in each]).numpy() for name in each[0]}
    found = evaluate(arrays)
    assert 0 < found["test/exact_match"] < found["test/f1"] < 1
    assert logged["validation/exact_match"] == pytest.approx(found["test/exact_match"])
    assert logged["validation/f1"] == pytest.approx(found["test/f1"])
    assert logged["validation/span_error"] == (arrays["span"] != arrays["label"][:, 1:3]).any(1).mean()
    assert logged["validation/loss"] == pytest.approx((2 * losses[0] + 5 * losses[1] + 3 * losses[2]) / 10)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"has no class probabilities to edit, got LabelSmoothing; leave"):
        make(3, LabelSmoothing(smoothing=0.1))
    with pytest.raises(ValueError, match=r"^longest must be at least 1, got 0; set task.longest=15"):
        make(0)
    with pytest.raises(ValueError, match=r"first and last places of shape \(2, 2, 6\) for 2 samples, got"):
        SpanReading.check_output(torch.zeros(2, 6), samples=2, num_classes=6, shape=(9,))
