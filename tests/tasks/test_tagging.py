"""A tag for every place."""

import pytest
import torch
from rules import make_task, validated
from torch import nn
from torch.nn import functional as F

from podium.contracts import Batch
from podium.metrics.tagging import evaluate
from podium.tasks.tagging import Tagging
from podium.tricks.label_smoothing import LabelSmoothing


class Table(nn.Module):
    """Logits of tags by the symbol."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(6, 5))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.table[input.long().clamp(min=0)].transpose(1, 2)


def batches() -> list[Batch]:
    draw = torch.Generator().manual_seed(1)
    made = []
    for size in (2, 5, 3):
        input = torch.randint(6, (size, 7), generator=draw).float()
        target = torch.randint(5, (size, 7), generator=draw)
        input[0, 4:], target[0, 4:] = -1, -1
        made.append(Batch(input, target))
    return made


def test_the_loss_is_the_mean_over_places_that_count() -> None:
    task, batch = make_task(Tagging, Table(), num_classes=5), batches()[0]
    there = batch.target >= 0
    logits = task.network(batch.input).transpose(1, 2)[there]
    torch.testing.assert_close(task.training_step(batch, 0), F.cross_entropy(logits, batch.target[there]))
    assert task.counted(batch.target) == 11
    wrong = (logits.argmax(1) != batch.target[there]).double().mean()
    assert task.flush()["train/token_error"] == pytest.approx(float(wrong))


def test_validation_logs_f1_of_the_whole_split_and_not_a_mean_over_batches(monkeypatch) -> None:
    task = make_task(Tagging, Table(), num_classes=5).eval()
    logged, each = validated(task, batches(), monkeypatch)
    arrays = {name: torch.cat([answers[name] for answers in each]).numpy() for name in each[0]}
    found = evaluate(arrays)
    assert logged["validation/f1"] == pytest.approx(found["test/f1"])
    assert logged["validation/token_error"] == pytest.approx(1 - found["test/token_accuracy"])
    mean = sum(evaluate({k: v.numpy() for k, v in one.items()})["test/f1"] for one in each) / len(each)
    assert abs(mean - found["test/f1"]) > 1e-3


def test_tricks_on_class_probabilities_and_networks_of_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has no class probabilities to edit, got LabelSmoothing; leave"):
        make_task(Tagging, Table(), LabelSmoothing(smoothing=0.1), num_classes=5)
    with pytest.raises(
        ValueError, match=r"must give logits of every place of shape \(2, 5, 7\) for 2 samples"
    ):
        Tagging.check_output(torch.zeros(2, 5), samples=2, num_classes=5, shape=(7,))
