"""The next symbol, place by place."""

import math

import pytest
import torch
from rules import make_task
from torch import nn

from podium.contracts import Batch
from podium.metrics.language_modelling import evaluate
from podium.tasks.language_modelling import LanguageModelling
from podium.tricks.label_smoothing import LabelSmoothing


class Table(nn.Module):
    """Logits of the next symbol by the last one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(4, 4))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return self.table[input.long().clamp(min=0)].transpose(1, 2)


BATCH = Batch(torch.tensor([[0.0, 1.0, 2.0], [3.0, -1.0, -1.0]]), torch.tensor([[1, 2, 3], [0, -1, -1]]))
TRUE = [(0, 1), (1, 2), (2, 3), (3, 0)]  # pairs of a symbol and what follows it


def by_hand(network: Table) -> float:
    p = torch.softmax(network.table.detach(), 1)
    return -sum(math.log(p[one, two]) for one, two in TRUE) / len(TRUE)


def test_the_loss_is_the_mean_over_places_that_count() -> None:
    network = Table()
    task = make_task(LanguageModelling, network, num_classes=4)
    assert task.training_step(BATCH, 0).item() == pytest.approx(by_hand(network), rel=1e-5)
    assert task.counted(BATCH.target) == 4
    flushed = task.flush()
    assert flushed["train/loss"] == pytest.approx(by_hand(network), rel=1e-5)
    assert flushed["train/bits_per_character"] == pytest.approx(by_hand(network) / math.log(2), rel=1e-5)


def test_what_is_kept_gives_the_same_bits_and_a_perplexity() -> None:
    network = Table()
    task = make_task(LanguageModelling, network, num_classes=4)
    with torch.no_grad():
        answers = {k: v.numpy() for k, v in task.answers(network(BATCH.input), BATCH).items()}
    found = evaluate(answers)
    assert found["test/bits_per_character"] == pytest.approx(by_hand(network) / math.log(2), rel=1e-5)
    assert found["test/perplexity"] == pytest.approx(2 ** found["test/bits_per_character"])


def test_arrays_that_do_not_fit_are_refused() -> None:
    label = BATCH.target.numpy()
    for arrays, said in (
        ({"label": label}, "got none named surprise"),
        ({"label": label, "surprise": label[:1] * 1.0}, r"got \(1, 3\) and \(2, 3\)"),
        ({"label": label * 0 - 1, "surprise": label * 1.0}, "with symbols, got"),
        ({"label": label, "surprise": label * 0.0 - 1}, "must not be negative, got -1"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(arrays)


def test_tricks_on_class_probabilities_and_networks_of_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"has no class probabilities to edit, got LabelSmoothing; leave"):
        make_task(LanguageModelling, Table(), LabelSmoothing(smoothing=0.1), num_classes=4)
    with pytest.raises(
        ValueError, match=r"must give logits of every place of shape \(2, 4, 3\) for 2 samples"
    ):
        LanguageModelling.check_output(torch.zeros(2, 4), samples=2, num_classes=4, shape=(3,))
