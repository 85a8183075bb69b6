"""One sigmoid output: the same as softmax over two classes whose first logit is zero."""

import pytest
import torch
from rules import make_task
from torch import Tensor, nn

from podium.contracts import Batch
from podium.tasks.binary_classification import BinaryClassification
from podium.tasks.classification import Classification
from podium.tricks.label_smoothing import LabelSmoothing
from podium.tricks.mixup import Mixup

LOGIT = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]])
TARGET = torch.tensor([1, 0, 0, 1])


class ZeroFirst(nn.Module):
    """Two logits from one."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input: Tensor) -> Tensor:
        logit = self.inner(input)
        return torch.cat([torch.zeros_like(logit), logit], 1)


def make(kind: type, network: nn.Module, *tricks: object) -> BinaryClassification:
    made: BinaryClassification = make_task(kind, network, *tricks)
    return made


@pytest.mark.parametrize(
    "tricks",
    [[], [LabelSmoothing(smoothing=0.1)], [Mixup(alpha=0.4)]],
    ids=["plain", "smoothed", "mixed"],
)
def test_its_loss_and_gradient_are_those_of_softmax_with_a_first_logit_of_zero(tricks: list[object]) -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    batch = Batch(torch.randn(6, 3), torch.tensor([0, 1, 1, 0, 1, 0]))
    found = []
    for task in (
        make(BinaryClassification, network, *tricks),
        make(Classification, ZeroFirst(network), *tricks),
    ):
        network.zero_grad()
        torch.manual_seed(1)
        loss = task.training_step(batch, 0)
        loss.backward()
        found.append((loss.detach(), network.weight.grad.clone()))
    torch.testing.assert_close(found[0], found[1])


def test_its_answers_and_errors_are_those_of_two_classes() -> None:
    task = make(BinaryClassification, nn.Identity())
    answers = task.answers(LOGIT, Batch(LOGIT, TARGET))
    torch.testing.assert_close(
        answers["probability"], torch.softmax(torch.cat([torch.zeros(4, 1), LOGIT], 1), 1)
    )
    assert answers["label"] is TARGET
    assert int(task.errors(LOGIT, TARGET)["top1_error"]) == 2


@pytest.mark.parametrize(
    ("output", "classes", "said"),
    [
        (
            torch.zeros(2, 2),
            2,
            r"must give one logit a sample, of shape \(2, 1\) for 2 samples, got \(2, 2\)",
        ),
        (torch.zeros(2, 1), 3, "one sigmoid output needs data of 2 classes, got 3"),
        ({"out": torch.zeros(2, 1)}, 2, "got dict"),
    ],
)
def test_other_networks_and_data_are_refused(output: object, classes: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BinaryClassification.check_output(output, samples=2, num_classes=classes, shape=(3,))
