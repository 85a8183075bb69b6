"""As few Adalines as needed are disturbed."""

import pytest
import torch
from rules import learn, make_task

from podium.contracts import Batch
from podium.data.xor import Xor
from podium.networks.adaline import Madaline as Network
from podium.tasks.madaline import Madaline
from podium.tasks.threshold import decision


def delta(sums: list[float], label: int) -> list[float]:
    network = Network(in_shape=[1], num_classes=2, adalines=len(sums))
    found = make_task(Madaline, network).delta(torch.tensor([sums]), torch.tensor([label]))
    return [round(value, 6) for value in found[0].tolist()]


@pytest.mark.parametrize(
    ("sums", "label", "expected"),
    [
        ([0.5, 0.2, -3.0], 1, [0, 0, 0]),  # the majority is right
        ([0.5, -0.2, -3.0], 1, [0, 1.2, 0]),  # one is needed: the nearest
        ([-0.5, -0.2, -3.0], 1, [1.5, 1.2, 0]),  # two are needed
        ([0.4, 0.1, 0.2, 5.0, -1.0], 0, [0, -1.1, -1.2, 0, 0]),
        ([0.0, 0.0, 1.0], 1, [1, 0, 0]),  # undecided is wrong; of equals the first
    ],
)
def test_of_those_that_voted_wrong_the_nearest_to_zero_are_corrected(sums, label, expected) -> None:
    assert delta(sums, label) == pytest.approx(expected)


def test_each_class_of_several_has_its_own_vote() -> None:
    network = Network(in_shape=[1], num_classes=3, adalines=3)
    task = make_task(Madaline, network, num_classes=3)
    sums = torch.tensor([[-0.5, -0.2, 1.0, 0.3, 0.2, -1.0, -1.0, -1.0, -1.0]])
    found = task.delta(sums, torch.tensor([0]))
    expected = torch.tensor([[0, 1.2, 0, 0, -1.2, 0, 0, 0, 0]])
    torch.testing.assert_close(found, expected)


def test_it_learns_exclusive_or_with_three_adalines_and_not_with_one() -> None:
    source = Xor.load(Xor)
    inputs, labels = torch.from_numpy(source.inputs), torch.from_numpy(source.labels)
    wrong = {}
    for adalines in (1, 3):
        torch.manual_seed(1)
        network = Network(in_shape=[2], num_classes=2, adalines=adalines)
        task = make_task(Madaline, network)
        for _ in range(10):
            for x, y in zip(inputs, labels, strict=True):
                learn(task, Batch(x[None], y[None]), rate=0.02)
        wrong[adalines] = (decision(network(inputs)) != labels).double().mean().item()
    assert wrong[3] == 0
    assert wrong[1] > 0.2
