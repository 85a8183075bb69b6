"""Values in place of classes."""

import pytest
import torch
from rules import make_task
from torch import nn

from podium.contracts import Batch
from podium.metrics.regression import evaluate
from podium.tasks.regression import Regression

BATCH = Batch(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.arange(12.0).view(6, 2))


def test_what_is_kept_gives_the_loss_its_root_and_the_absolute_error() -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    task = make_task(Regression, network, num_classes=2)
    loss = task.training_step(BATCH, 0).item()
    apart = (network(BATCH.input) - BATCH.target).detach()
    assert loss == pytest.approx(float((apart**2).mean()), rel=1e-5)
    found = evaluate({k: v.detach().numpy() for k, v in task.answers(network(BATCH.input), BATCH).items()})
    assert found["test/mse"] == pytest.approx(loss, rel=1e-5)
    assert found["test/rmse"] == pytest.approx(loss**0.5, rel=1e-5)
    assert found["test/mae"] == pytest.approx(float(apart.abs().mean()), rel=1e-5)


def test_one_value_is_enough_and_none_is_not() -> None:
    make_task(Regression, nn.Linear(3, 1), num_classes=1)
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        make_task(Regression, nn.Linear(3, 1), num_classes=0)


def test_arrays_and_networks_that_do_not_fit_are_refused() -> None:
    value = BATCH.target.numpy()
    with pytest.raises(ValueError, match=r"value and label must be .*, got \(6, 2\) and \(6,\); pass"):
        evaluate({"value": value, "label": value[:, 0]})
    with pytest.raises(ValueError, match=r"must give values of shape \(2, 1\) for 2 samples, got \(2, 3\)"):
        Regression.check_output(torch.zeros(2, 3), samples=2, num_classes=1, shape=(2, 50))
