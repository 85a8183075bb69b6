"""The delta rule goes to the least squares."""

import torch
from rules import learn, make_task

from podium.contracts import Batch
from podium.networks.adaline import Adaline
from podium.tasks.least_mean_squares import LeastMeanSquares
from podium.tasks.threshold import signs


def sample() -> Batch:
    torch.manual_seed(0)
    inputs = torch.randn(60, 3)
    return Batch(inputs, (inputs[:, 0] - 0.5 * inputs[:, 2] + 0.3 > 0).long())


def test_a_correction_is_half_the_gradient_of_the_squared_differences_turned_round() -> None:
    network, batch = Adaline(in_shape=[3], num_classes=2), sample()
    task = make_task(LeastMeanSquares, network)
    output, corrections = task.corrections(batch)
    (task.loss(network(batch.input), batch.target) / 2).backward()
    for parameter in network.parameters():
        torch.testing.assert_close(corrections[parameter], -parameter.grad)
    assert output.shape == (60, 1)


def test_it_ends_at_the_least_squares_of_the_signs() -> None:
    network, batch = Adaline(in_shape=[3], num_classes=2), sample()
    task = make_task(LeastMeanSquares, network)
    for _ in range(500):
        learn(task, batch, rate=0.3)
    wanted = signs(batch.target, torch.zeros(60, 1))
    with_one = torch.cat([batch.input, torch.ones(60, 1)], 1)
    solution = torch.linalg.lstsq(with_one, wanted).solution[:, 0]
    found = torch.cat([network.output.weight[0], network.output.bias]).detach()
    torch.testing.assert_close(found, solution, rtol=1e-4, atol=1e-5)


def test_it_corrects_right_answers_too() -> None:
    network = Adaline(in_shape=[1], num_classes=2)
    with torch.no_grad():
        network.output.weight.fill_(3.0)
        network.output.bias.fill_(0.0)
    task = make_task(LeastMeanSquares, network)
    learn(task, Batch(torch.ones(1, 1), torch.ones(1, dtype=torch.int64)), rate=0.1)
    assert network.output.weight.item() == torch.tensor(3.0 + 0.1 * (1 - 3)).item()
