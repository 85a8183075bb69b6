import pytest
import torch
from rules import make_task, validated
from torch import nn

from podium.contracts import Batch
from podium.metrics.detection import evaluate
from podium.tasks.detection import Detection
from podium.tricks.label_smoothing import LabelSmoothing
from podium.tricks.mixup import Mixup
from podium.tricks.penalty import Penalty


class Seer(nn.Module):
    """Knows the boxes: they are its input, shifted by its weight; its losses are two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.tensor([[1.5]]))

    def forward(self, input, target=None):
        if target is not None:
            return {"place": self.shift.square().sum(), "class": self.shift.sum() * len(target)}
        there = input[..., :1] >= 0
        scores = 1 - input[..., 1:2] / 200
        return torch.where(there, torch.cat([input[..., :1], scores, input[..., 1:] + self.shift], 2), -1.0)


def make(*tricks):
    return make_task(Detection, Seer(), *tricks, num_classes=3)


def batches(count=3):
    generator = torch.Generator().manual_seed(0)
    for size in range(2, 2 + count):
        boxes = torch.full((size, 4, 5), -1.0)
        corner = torch.rand(size, 2, 2, generator=generator) * 50
        boxes[:, :2, 0] = torch.randint(0, 3, (size, 2), generator=generator).float()
        boxes[:, :2, 1:3], boxes[:, :2, 3:] = (
            corner,
            corner + 5 + 20 * torch.rand(size, 2, 2, generator=generator),
        )
        boxes[0] = -1  # a picture without objects
        yield Batch(boxes.clone(), boxes)


def test_the_loss_is_the_sum_of_the_networks_losses_and_each_is_noted():
    task = make()
    batch = next(batches())
    assert float(task.training_step(batch, 0).detach()) == pytest.approx(1.5**2 + 3.0)
    noted = task.meter.flush()
    assert noted == {
        "train/loss": pytest.approx(5.25),
        "train/place": pytest.approx(2.25),
        "train/class": pytest.approx(3.0),
    }


def test_validation_logs_the_metrics_of_the_whole_split(monkeypatch):
    logged, answers = validated(make().eval(), batches(), monkeypatch)
    found = evaluate({name: torch.cat([each[name] for each in answers]).numpy() for name in answers[0]})
    assert 0.1 < found["test/map"] < 0.9
    for name in ("map", "map_50", "map_75"):
        assert logged[f"validation/{name}"] == pytest.approx(found[f"test/{name}"], abs=1e-6)
    assert logged["validation/loss"] == pytest.approx(2.25 + 1.5 * (4 + 9 + 16) / 9)


@pytest.mark.parametrize("trick", [Mixup(alpha=0.4), LabelSmoothing(smoothing=0.1)])
def test_tricks_on_class_probabilities_are_refused_in_one_line(trick):
    with pytest.raises(
        ValueError, match=f"^Detection has no class probabilities to edit, got {type(trick).__name__}; "
    ):
        make(trick)


def test_tricks_on_the_loss_work():
    batch = next(batches())
    plain, penal = (
        make().training_step(batch, 0),
        make(Penalty(power=2, strength=0.5)).training_step(batch, 0),
    )
    torch.testing.assert_close(penal - plain, torch.tensor(0.5 * 1.5**2))


def test_an_output_of_another_task_is_refused():
    facts = {"samples": 2, "num_classes": 3, "shape": (3, 8, 9)}
    Detection.check_output(torch.zeros(2, 100, 6), **facts)
    for wrong in (torch.zeros(2, 3), torch.zeros(2, 100, 5), torch.zeros(3, 100, 6), [{}]):
        with pytest.raises(
            ValueError, match=r"must give detections of shape \(2, most, 6\) for 2 samples, got "
        ):
            Detection.check_output(wrong, **facts)
