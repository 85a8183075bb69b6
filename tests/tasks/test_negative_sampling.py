"""A true candidate among noise."""

import math

import numpy as np
import pytest
import torch
from rules import make_task
from sklearn.metrics import log_loss
from torch import nn

from podium.contracts import Batch
from podium.metrics.negative_sampling import evaluate
from podium.tasks.negative_sampling import NegativeSampling
from podium.tricks.mixup import Mixup

INPUT = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
BATCH = Batch(INPUT, torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(6, 1))


@pytest.fixture
def network() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(5, 4)


def by_hand(logits: torch.Tensor) -> float:
    """-log sigma of the true one, and -log sigma of minus each noise: equation 4 of the paper."""

    def surprise(x: float) -> float:
        return math.log1p(math.exp(-x))

    rows = logits.tolist()
    return sum(surprise(true) + sum(surprise(-x) for x in noise) for true, *noise in rows) / len(rows)


def test_the_loss_is_the_papers_and_that_of_scikit_learn(network: nn.Linear) -> None:
    task = make_task(NegativeSampling, network, num_classes=4)
    loss = task.training_step(BATCH, 0).item()
    logits = network(INPUT).detach()
    assert loss == pytest.approx(by_hand(logits), rel=1e-5)
    other = log_loss(BATCH.target.flatten(), logits.sigmoid().flatten())
    assert loss == pytest.approx(4 * other, rel=1e-5)


def test_what_is_kept_gives_the_loss_and_the_share_of_noise_below_the_true_one(network: nn.Linear) -> None:
    task = make_task(NegativeSampling, network, num_classes=4)
    task.training_step(BATCH, 0)
    flushed = task.flush()
    logits = network(INPUT).detach()
    found = evaluate({k: v.detach().numpy() for k, v in task.answers(logits, BATCH).items()})
    below = [(noise < true) for true, *noises in logits.tolist() for noise in noises]
    assert 0 < sum(below) < 18
    assert found["test/noise_accuracy"] == pytest.approx(sum(below) / 18)
    assert found["test/loss"] == pytest.approx(by_hand(logits), rel=1e-5)
    assert flushed["train/noise_accuracy"] == pytest.approx(found["test/noise_accuracy"])
    assert flushed["train/loss"] == pytest.approx(found["test/loss"], rel=1e-5)


def test_a_network_that_says_the_same_of_all_tells_nothing_from_noise() -> None:
    label = BATCH.target.numpy()
    found = evaluate({"label": label, "value": np.zeros_like(label)})
    assert found == {"test/loss": pytest.approx(4 * math.log(2)), "test/noise_accuracy": 0.0}
    assert NegativeSampling.errors(None, torch.zeros(6, 4), BATCH.target)["noise_accuracy"] == 0


def test_arrays_networks_and_tricks_that_do_not_fit_are_refused(network: nn.Linear) -> None:
    label = BATCH.target.numpy()
    for value, wrong, said in (
        (label[:, 0], label, r"must be \(examples, candidates\), got \(6,\) and \(6, 4\); pass"),
        (label[:0], label[:0], r"got \(0, 4\)"),
        (label[:, :1], label[:, :1], r"got \(6, 1\)"),
        (label, label[:, ::-1], "label must be 1 for the first candidate alone"),
        (label, label * 0 + 1, "label must be 1 for the first candidate alone"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate({"value": value, "label": wrong})
    with pytest.raises(
        ValueError, match=r"logits of candidates of shape \(2, 6\) for 2 samples, got \(2, 4\)"
    ):
        NegativeSampling.check_output(torch.zeros(2, 4), samples=2, num_classes=6, shape=(7,))
    with pytest.raises(ValueError, match="has no class probabilities to edit, got Mixup; leave"):
        make_task(NegativeSampling, network, Mixup(alpha=0.2), num_classes=4)
