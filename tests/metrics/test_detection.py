import math

import numpy as np
import pytest
import torch
from torchmetrics.detection import MeanAveragePrecision

from podium.metrics.detection import OVERLAPS, RECALLS, evaluate

EXAMPLES, MOST, FOUND = 25, 5, 12


def random_boxes(seed):
    """Some pictures without boxes, detections near the truth and elsewhere, classes that are never there."""
    draw = np.random.RandomState(seed)
    label = np.full((EXAMPLES, MOST, 5), -1, np.float32)
    detections = np.full((EXAMPLES, FOUND, 6), -1, np.float32)
    for example in range(EXAMPLES):
        count = draw.randint(0, MOST + 1)
        corner, size = draw.rand(count, 2) * 60, 4 + draw.rand(count, 2) * 120
        label[example, :count] = np.c_[draw.randint(0, 3, count), corner, corner + size]
        for row in range(draw.randint(0, FOUND + 1)):
            if count and draw.rand() < 0.7:
                box = label[example, draw.randint(count)] + np.r_[0, draw.randn(4) * 3]
            else:
                box = np.r_[draw.randint(0, 5), draw.rand(2) * 40, 50 + draw.rand(2) * 40]
            detections[example, row] = np.r_[box[0], draw.rand(), box[1:]]
    return label, detections


def listed(array):
    rows = [torch.from_numpy(each[each[:, 0] >= 0]) for each in array]
    scores = array.shape[2] == 6
    return [
        {"labels": r[:, 0].long(), "boxes": r[:, -4:], **({"scores": r[:, 1]} if scores else {})}
        for r in rows
    ]


@pytest.mark.parametrize("seed", range(8))
def test_mean_average_precision_is_that_of_torchmetrics(seed):
    label, detections = random_boxes(seed)
    # Their own thresholds are in float32, 0.6 above the recall of 3 of 5 boxes: COCO's are not.
    exact = {"iou_thresholds": OVERLAPS.tolist(), "rec_thresholds": RECALLS.tolist()}
    theirs = MeanAveragePrecision(class_metrics=True, backend="pycocotools", **exact)
    theirs.update(listed(detections), listed(label))
    expected = theirs.compute()
    found = evaluate({"label": label, "detections": detections})
    names = {"map": "map", "map_50": "map_50", "map_75": "map_75", "recall_100": "mar_100"}
    for ours, name in names.items():
        assert found[f"test/{ours}"] == pytest.approx(float(expected[name]), abs=1e-6)
    for number in range(3):
        assert found[f"test/map_class_{number}"] == pytest.approx(
            float(expected["map_per_class"][number]), abs=1e-6
        )
    assert "test/map_class_3" not in found


def one(*rows, most=4):
    width = len(rows[0])
    return np.array([[*rows, *[[-1.0] * width] * (most - len(rows))]], dtype=np.float32)


def test_right_boxes_are_worth_one_and_none_zero():
    label = one([0, 0, 0, 10, 10], [1, 20, 20, 40, 40])
    right = one([1, 0.9, 20, 20, 40, 40], [0, 0.5, 0, 0, 10, 10])
    assert list(evaluate({"label": label, "detections": right}).values()) == pytest.approx([1.0] * 6)
    assert set(evaluate({"label": label, "detections": np.full_like(right, -1)}).values()) == {0.0}


def test_the_overlap_decides_which_thresholds_are_met():
    label = one([0, 0, 0, 10, 10])
    found = evaluate({"label": label, "detections": one([0, 0.9, 0, 0, 10, 7.2])})  # an overlap of 0.72
    assert (found["test/map_50"], found["test/map_75"]) == pytest.approx((1.0, 0.0))
    assert found["test/map"] == pytest.approx(0.5)  # 0.50, 0.55, 0.60, 0.65, 0.70 of ten


def test_a_surer_wrong_box_costs_precision_and_a_less_sure_one_does_not():
    label = one([0, 0, 0, 10, 10])
    right, wrong = [0, 0.5, 0, 0, 10, 10], [0, 0.9, 50, 50, 60, 60]
    assert evaluate({"label": label, "detections": one(wrong, right)})["test/map"] == pytest.approx(0.5)
    wrong[1] = 0.1
    assert evaluate({"label": label, "detections": one(wrong, right)})["test/map"] == pytest.approx(1.0)


def test_it_prints_nothing(capsys):
    label, detections = random_boxes(0)
    evaluate({"label": label, "detections": detections})
    assert capsys.readouterr() == ("", "")


def test_without_a_true_box_nothing_has_a_value():
    label, detections = random_boxes(0)
    found = evaluate({"label": np.full_like(label, -1), "detections": detections})
    assert found.keys() >= {"test/map", "test/recall_100"}
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 5), None), "must hold label and detections, got none named detections"),
        (((2, 3, 5), (3, 3, 6)), "must be"),
        (((2, 3, 4), (2, 3, 6)), "must be"),
        (((2, 3, 5), (2, 3, 5)), "must be"),
    ],
)
def test_other_arrays_are_refused(shapes, message):
    arrays = {
        name: np.zeros(shape)
        for name, shape in zip(("label", "detections"), shapes, strict=True)
        if shape is not None
    }
    with pytest.raises(ValueError, match=message):
        evaluate(arrays)
