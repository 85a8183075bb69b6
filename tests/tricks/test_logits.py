"""Tricks that look at probabilities of classes, on tasks that have none."""

from functools import partial

import pytest
import torch
from torch import nn

from podium.tasks.regression import Regression
from podium.tricks.confidence_penalty import ConfidencePenalty
from podium.tricks.distillation import Distillation
from podium.tricks.snapshot_ensemble import SnapshotEnsemble


@pytest.mark.parametrize(
    "trick",
    [
        ConfidencePenalty(strength=0.1),
        Distillation(teacher=nn.Identity, temperature=2.0, weight=0.5),
        SnapshotEnsemble(cycles=2, last=1),
    ],
    ids=lambda trick: type(trick).__name__,
)
def test_values_are_no_logits(trick):
    with pytest.raises(
        ValueError, match=r"^the task must give probabilities of classes, got Regression; leave this"
    ):
        Regression(
            network=nn.Linear(3, 2),
            tricks=[trick],
            optimizer=partial(torch.optim.SGD, lr=0.1),
            schedule=partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0, total_iters=0),
            num_classes=2,
        )
