"""What is known of the perceptron since 1962 and 1969."""

import numpy as np
import pytest
import torch
from rules import learn, make_task
from torch import Tensor

from podium.contracts import Batch
from podium.data.separable import LINE, Separable
from podium.data.xor import Xor
from podium.networks.perceptron import Perceptron as Network
from podium.tasks.perceptron import Perceptron
from podium.tasks.threshold import decision


def points(kind: type) -> tuple[Tensor, Tensor]:
    source = kind.load(kind)
    return torch.from_numpy(source.inputs), torch.from_numpy(source.labels)


def blank(num_inputs: int = 2, classes: int = 2) -> Network:
    network = Network(in_shape=[num_inputs], num_classes=classes, associations=0, connections=0)
    torch.nn.init.zeros_(network.output.weight)
    torch.nn.init.zeros_(network.output.bias)
    return network


def mistakes(network: Network, inputs: Tensor, labels: Tensor, *, passes: int, rate: float) -> list[int]:
    """Mistakes of each pass over all examples, one at a time."""
    task = make_task(Perceptron, network)
    return [
        sum(learn(task, Batch(x[None], y[None]), rate=rate) for x, y in zip(inputs, labels, strict=True))
        for _ in range(passes)
    ]


@pytest.mark.parametrize("rate", [1.0, 0.05])
def test_it_separates_what_a_line_separates_within_novikoffs_bound(rate: float) -> None:
    inputs, labels = points(Separable)
    network = blank()
    made = mistakes(network, inputs, labels, passes=6, rate=rate)
    line = np.array(LINE) / np.linalg.norm(LINE)
    points_and_one = np.column_stack([inputs.double().numpy(), np.ones(len(inputs))])
    gamma = np.abs(points_and_one @ line).min()
    radius = np.linalg.norm(points_and_one, axis=1).max()
    assert 0 < sum(made) <= (radius / gamma) ** 2
    assert made[-1] == 0
    assert torch.equal(decision(network(inputs)), labels)


def test_without_zeros_to_begin_with_the_bound_does_not_hold() -> None:
    """The bound says something of the rule: a far start makes more mistakes than it allows."""
    inputs, labels = points(Separable)
    network = blank()
    torch.nn.init.constant_(network.output.weight, -300.0)
    assert sum(mistakes(network, inputs, labels, passes=3, rate=1.0)) > 240


def test_it_never_learns_exclusive_or() -> None:
    inputs, labels = points(Xor)
    network = blank()
    made = mistakes(network, inputs, labels, passes=20, rate=1.0)
    assert min(made) > len(inputs) / 8
    wrong = (decision(network(inputs)) != labels).double().mean()
    assert wrong > 0.2  # no line does better than a quarter: three of four corners


def test_a_unit_is_corrected_where_it_is_wrong_or_undecided_and_nowhere_else() -> None:
    network = blank()
    with torch.no_grad():
        network.output.weight.copy_(torch.tensor([[1.0, -2.0]]))
        network.output.bias.fill_(0.5)
    task = make_task(Perceptron, network)
    batch = Batch(torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.5, 2.0], [1.0, 1.0]]), torch.tensor([1, 1, 0, 0]))
    output, corrections = task.corrections(batch)  # sums 1.5 right, -1.5 wrong, 0 undecided, -0.5 right
    assert output[:, 0].tolist() == [1.5, -1.5, 0.0, -0.5]
    expected = (torch.tensor([[0.0, 1.0]]) - torch.tensor([[3.5, 2.0]])) / 4
    assert torch.equal(corrections[network.output.weight], expected)
    assert torch.equal(corrections[network.output.bias], torch.tensor([0.0]))
    assert task.loss(output, batch.target) == 1.5 / 4
    assert int(task.errors(output, batch.target)["top1_error"]) == 1


def test_each_of_several_classes_has_a_unit_of_its_own() -> None:
    network = blank(num_inputs=2, classes=3)
    task = make_task(Perceptron, network, num_classes=3)
    corners = torch.tensor([[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]])
    for _ in range(20):
        for k in range(3):
            learn(task, Batch(corners[k : k + 1], torch.tensor([k])), rate=1.0)
    assert decision(network(corners)).tolist() == [0, 1, 2]
    assert (network(corners) > 0).long().equal(torch.eye(3, dtype=torch.int64))
