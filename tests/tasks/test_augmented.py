"""Training batches are augmented, before the tricks see them; validation and test batches never."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR
from torch.utils.data import DataLoader

from podium.augment.color_jitter import ColorJitter
from podium.contracts import Augmentation, Batch, Trick
from podium.data.arrays import Arrays
from podium.run.score import predict
from podium.tasks.binary_classification import BinaryClassification
from podium.tasks.classification import Classification
from podium.tasks.detection import Detection
from podium.tasks.segmentation import Segmentation


class Mark(Augmentation):
    """Writes -1 over everything."""

    moves = False

    def __call__(self, input):
        return torch.full_like(input, -1.0)


class Losses(nn.Module):
    """Looks like a detector: a loss in training, boxes in evaluation."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, input, target=None):
        return (
            {"box_loss": (self.weight * input).mean() ** 2}
            if target is not None
            else torch.full((len(input), 1, 6), -1.0)
        )


class Watch(nn.Module):
    """Notes what reaches the network, in training and in evaluation."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, {True: [], False: []}

    def forward(self, input, *rest):
        self.seen[self.training].append(input.detach().clone())
        return self.network(input, *rest)


CLASSES = torch.tensor([0, 1, 1, 0])
KINDS = {
    "classification": (Classification, lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), CLASSES),
    "binary": (BinaryClassification, lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), CLASSES),
    "segmentation": (Segmentation, lambda: nn.Conv2d(3, 2, 1), torch.zeros(4, 2, 2, dtype=torch.uint8)),
    "detection": (Detection, Losses, torch.tensor([[[0.0, 0, 0, 1, 1]]]).repeat(4, 1, 1)),
}


def make(kind, *tricks):
    task, network, target = KINDS[kind]
    made = task(
        network=Watch(network()),
        tricks=tricks,
        optimizer=partial(torch.optim.SGD, lr=0.01),
        schedule=partial(ConstantLR, factor=1.0, total_iters=0),
        num_classes=2,
    )
    return made, Batch(torch.rand(4, 3, 2, 2), target)


def fit(task, batch):
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=[],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    loader = DataLoader([batch, batch], batch_size=None)
    trainer.fit(task, loader, loader)
    trainer.validate(task, loader, verbose=False)


def marked(task, batch):
    """Which batches came with marks, in training and in evaluation."""
    fit(task, batch)
    examples = Arrays(batch.input, batch.target, torch.arange(4))
    predict(task, examples, torch.device("cpu"))
    seen = task.network.seen
    return {bool((x == -1).any()) for x in seen[True]}, {bool((x == -1).any()) for x in seen[False]}


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_augmented_and_validation_and_test_never(kind):
    task, batch = make(kind)
    task.augment_with([Mark()], finish=lambda input: input)
    training, evaluation = marked(task, batch)
    assert training == {True}
    assert evaluation == {False}


@pytest.mark.parametrize("kind", KINDS)
def test_augmented_validation_would_be_noticed(kind, monkeypatch):
    """The protection switched off: a task that treats validation batches as it treats training batches."""
    task, batch = make(kind)
    task.augment_with([Mark()], finish=lambda input: input)
    honest = type(task).validation_step
    monkeypatch.setattr(
        type(task), "validation_step", lambda self, batch, k: honest(self, self.augmented(batch), k)
    )
    assert marked(task, batch)[1] == {True, False}


def test_without_augmentations_nothing_is_touched():
    task, batch = make("classification")
    assert task.augmented(batch) is batch
    task.augment_with([], finish=lambda input: input + 1)
    assert task.augmented(batch) is batch  # they come finished
    assert not task.augments


def test_augmentations_act_in_their_order_then_the_view_then_the_tricks():
    class Add(Mark):
        def __call__(self, input):
            return input + 1

    class Double(Mark):
        def __call__(self, input):
            return input * 2

    class Look(Trick):
        def edit_batch(self, batch):
            self.seen = batch.input
            return batch

    look = Look()
    task, batch = make("classification", look)
    task.augment_with([Add(), Double()], finish=lambda input: input - 10)
    task.training_step(batch, 0)
    torch.testing.assert_close(look.seen, (batch.input + 1) * 2 - 10)
    assert task.augments


def test_changes_of_colour_refuse_values_that_are_no_colours():
    task, batch = make("classification")
    task.augment_with(
        [ColorJitter(brightness=0.2, contrast=0.0, saturation=0.0, hue=0.0)], finish=lambda input: input
    )
    with pytest.raises(
        ValueError, match=r"^inputs must be from 0 to 1 for changes of colour, got .* to .*; choose"
    ):
        task.training_step(Batch(batch.input * 3 - 1, batch.target), 0)
