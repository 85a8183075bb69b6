"""The target is the input."""

import numpy as np
import pytest
import torch
from rules import make_task
from torch import Tensor, nn

from podium.contracts import Batch
from podium.metrics.reconstruction import evaluate
from podium.run.assemble import compose
from podium.run.build import build
from podium.run.errors import ConfigError
from podium.tasks.reconstruction import Reconstruction


def make(network: nn.Module) -> Reconstruction:
    made: Reconstruction = make_task(Reconstruction, network, num_classes=3)
    return made


def batch(seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    return Batch(torch.rand(5, 2, 3), torch.tensor([0, 1, 2, 0, 1]))


def test_a_network_that_changes_nothing_has_no_loss_and_labels_do_not_matter() -> None:
    assert make(nn.Identity()).training_step(batch(), 0).item() == 0
    network = nn.Linear(3, 3)
    other = batch()._replace(target=torch.zeros(5, dtype=torch.int64))
    losses = [make(network).training_step(given, 0).item() for given in (batch(), other)]
    expected = ((network(batch().input) - batch().input) ** 2).mean()
    assert losses == [pytest.approx(float(expected))] * 2


def test_what_is_kept_of_each_sample_gives_the_loss_of_all() -> None:
    network = nn.Linear(3, 3)
    task, given = make(network), batch()
    with torch.no_grad():
        output: Tensor = network(given.input)
        answers = {name: value.numpy() for name, value in task.answers(output, given).items()}
    assert answers["squared_error"].shape == (5,)
    assert evaluate(answers)["test/mse"] == pytest.approx(float(task.loss(output, given.input)))
    assert np.array_equal(answers["label"], given.target)


@pytest.mark.parametrize("output", [torch.zeros(2, 10), {"out": torch.zeros(2, 1, 8, 8)}])
def test_networks_that_give_something_else_are_refused(output: object) -> None:
    with pytest.raises(ValueError, match=r"must give samples of shape \(2, 1, 8, 8\) for 2 samples"):
        Reconstruction.check_output(output, samples=2, num_classes=10, shape=(1, 8, 8))


def test_tricks_that_edit_class_probabilities_are_refused_by_name() -> None:
    with pytest.raises(
        ConfigError, match=r"^task: Reconstruction has no .*, got Mixup; leave that trick out$"
    ):
        build(compose(["network=autoencoder_256", "tricks=[mixup]"]))
