import math

import numpy as np
import pytest
import torch
from torchmetrics.classification import MulticlassJaccardIndex

from podium.metrics.segmentation import evaluate


def masks(seed, *, classes=5):
    draw = np.random.RandomState(seed)
    label = draw.randint(0, classes, (12, 16, 16)).astype(np.uint8)
    prediction = np.where(draw.rand(12, 16, 16) < 0.6, label, draw.randint(0, classes, label.shape))
    label[draw.rand(*label.shape) < 0.1] = 255
    return label, prediction.astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_mean_iou_is_that_of_torchmetrics(seed):
    label, prediction = masks(seed)
    theirs = MulticlassJaccardIndex(num_classes=7, ignore_index=255)  # two classes that are nowhere
    theirs.update(torch.from_numpy(prediction), torch.from_numpy(label).long())
    ours = evaluate({"label": label, "prediction": prediction})["test/mean_iou"]
    assert ours == pytest.approx(float(theirs.compute()), abs=1e-6)


def test_counted_by_hand():
    label = np.array([[[0, 0, 1, 1], [2, 2, 2, 255]]], dtype=np.uint8)
    prediction = np.array([[[0, 1, 1, 1], [2, 2, 0, 3]]], dtype=np.uint8)
    found = evaluate({"label": label, "prediction": prediction})
    assert found == {
        "test/mean_iou": pytest.approx((1 / 3 + 2 / 3 + 2 / 3) / 3),
        "test/pixel_accuracy": pytest.approx(5 / 7),
        "test/iou_class_0": pytest.approx(1 / 3),
        "test/iou_class_1": pytest.approx(2 / 3),
        "test/iou_class_2": pytest.approx(2 / 3),
    }


def test_a_class_that_is_predicted_and_not_there_counts_as_zero():
    label, prediction = np.zeros((1, 2, 2), np.uint8), np.array([[[0, 0], [0, 4]]], np.uint8)
    found = evaluate({"label": label, "prediction": prediction})
    assert found["test/iou_class_4"] == 0
    assert found["test/mean_iou"] == pytest.approx(0.375)
    assert "test/iou_class_1" not in found


def test_the_mean_is_of_all_pixels_and_not_of_examples():
    label, prediction = masks(0)
    order = np.random.RandomState(1).permutation(len(label))
    split = [evaluate({"label": label[k : k + 6], "prediction": prediction[k : k + 6]}) for k in (0, 6)]
    whole = evaluate({"label": label, "prediction": prediction})
    assert whole == evaluate({"label": label[order], "prediction": prediction[order]})
    assert whole["test/mean_iou"] != pytest.approx(sum(half["test/mean_iou"] for half in split) / 2, abs=1e-9)


def test_nothing_that_counts_has_no_value():
    nothing = {"label": np.full((2, 3, 3), 255, np.uint8), "prediction": np.zeros((2, 3, 3), np.uint8)}
    assert all(math.isnan(value) for value in evaluate(nothing).values())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"label": np.zeros((1, 2, 2), np.uint8)},
            "must hold prediction and label, got none named prediction",
        ),
        ({"label": np.zeros((1, 2, 2)), "prediction": np.zeros((1, 2, 2))}, "must be bytes"),
        ({"label": np.zeros((1, 2, 2), np.uint8), "prediction": np.zeros((1, 2, 3), np.uint8)}, "alike, got"),
    ],
)
def test_other_arrays_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        evaluate(arrays)
