import numpy as np
import pytest
import torch
from rules import make_task, validated
from torch import nn
from torch.nn import functional as F

from podium.contracts import Auxiliary, Batch
from podium.metrics.segmentation import evaluate
from podium.tasks.segmentation import Segmentation
from podium.tricks.label_smoothing import LabelSmoothing
from podium.tricks.mixup import Mixup
from podium.tricks.penalty import Penalty

CLASSES = 3


class Twice(nn.Module):
    """Logits by one convolution, and in training those of an auxiliary head."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.main, self.other, self.weight = nn.Conv2d(3, CLASSES, 1), nn.Conv2d(3, CLASSES, 1), weight

    def forward(self, input):
        if not self.training:
            return self.main(input)
        return Auxiliary(self.main(input), (self.other(input),), self.weight)


def make(network, *tricks):
    return make_task(Segmentation, network, *tricks, num_classes=CLASSES)


def batches(count=3):
    generator = torch.Generator().manual_seed(0)
    for size in range(2, 2 + count):
        mask = torch.randint(0, CLASSES, (size, 6, 5), generator=generator).to(torch.uint8)
        mask[torch.rand(mask.shape, generator=generator) < 0.2] = 255
        yield Batch(torch.rand(size, 3, 6, 5, generator=generator), mask)


def test_the_loss_is_the_mean_over_the_pixels_that_count():
    task = make(nn.Conv2d(3, CLASSES, 1))
    batch = next(batches())
    logits = task.network(batch.input)
    expected = F.cross_entropy(logits, batch.target.long(), ignore_index=255)
    torch.testing.assert_close(task.training_step(batch, 0), expected)
    nothing = torch.full_like(batch.target, 255)
    assert task.loss(logits, nothing) == 0
    torch.testing.assert_close(task.errors(logits, nothing), {"pixel_error": torch.tensor(0.0)})


def test_the_auxiliary_head_has_its_weight():
    network, batch = Twice(0.4), next(batches())
    task = make(network)
    main, other = (
        F.cross_entropy(head(batch.input), batch.target.long(), ignore_index=255)
        for head in (network.main, network.other)
    )
    torch.testing.assert_close(task.training_step(batch, 0), main + 0.4 * other)


def test_validation_logs_the_metrics_of_the_whole_split(monkeypatch):
    logged, answers = validated(make(nn.Conv2d(3, CLASSES, 1)).eval(), batches(), monkeypatch)
    arrays = {name: torch.cat([each[name] for each in answers]).numpy() for name in answers[0]}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    found = evaluate(arrays)
    assert logged["validation/mean_iou"] == pytest.approx(found["test/mean_iou"], abs=1e-6)
    each = [
        (arrays["prediction"][k] != label)[label != 255].mean() for k, label in enumerate(arrays["label"])
    ]
    assert logged["validation/pixel_error"] == pytest.approx(np.mean(each), abs=1e-6)
    assert logged["validation/loss"] > 0


@pytest.mark.parametrize("trick", [Mixup(alpha=0.4), LabelSmoothing(smoothing=0.1)])
def test_tricks_on_class_probabilities_are_refused_in_one_line(trick):
    with pytest.raises(
        ValueError, match=f"^Segmentation has no class probabilities to edit, got {type(trick).__name__}; "
    ) as error:
        make(nn.Conv2d(3, CLASSES, 1), trick)
    assert "\n" not in str(error.value)


def test_tricks_on_the_loss_work():
    network, batch = nn.Conv2d(3, CLASSES, 1), next(batches())
    plain, penal = (
        make(network).training_step(batch, 0),
        make(network, Penalty(power=2, strength=0.5)).training_step(batch, 0),
    )
    torch.testing.assert_close(penal - plain, 0.5 * network.weight.square().sum())


def test_an_output_of_another_task_is_refused():
    facts = {"samples": 2, "num_classes": 3, "shape": (3, 8, 9)}
    Segmentation.check_output(torch.zeros(2, 3, 8, 9), **facts)
    for wrong in (torch.zeros(2, 3), torch.zeros(2, 3, 4, 9), {"out": torch.zeros(2, 3, 8, 9)}):
        with pytest.raises(ValueError, match=r"must give logits of every pixel of shape \(2, 3, 8, 9\)"):
            Segmentation.check_output(wrong, **facts)
