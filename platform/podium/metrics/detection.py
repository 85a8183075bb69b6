"""Mean average precision of boxes, as COCO defines it, by COCO's own evaluation.

Microsoft COCO: common objects in context (Lin et al. 2014, https://arxiv.org/abs/1405.0312). Follows the paper's
evaluation: precision at 101 levels of recall, averaged over classes and over overlaps of 0.50 to 0.95, at most 100
boxes a picture. A class without a true box has no value and no part in the mean.
"""

import contextlib
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from podium.metrics import Arrays, needed

Array = npt.NDArray[Any]
OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
OVERLAP_50, OVERLAP_75 = 0, 5  # places in the overlaps


def evaluate(arrays: Arrays) -> dict[str, float]:
    """The metrics of a test split, by logged name.

    ``label`` is (examples, most objects, 5): class, x1, y1, x2, y2; ``detections`` is (examples, most detections, 6):
    class, score, x1, y1, x2, y2; both are filled up with rows of -1. Without a true box nothing has a value.

    Raises:
        ValueError: arrays that are missing or do not fit.
    """
    label, detections = _checked(arrays)
    if not (label[:, :, 0] >= 0).any():
        return dict.fromkeys(("test/map", "test/map_50", "test/map_75", "test/recall_100"), math.nan)
    precision, recall = _coco(label, detections)
    by_class = {number: _mean(values) for number, values in precision.items()}
    every = np.stack(list(precision.values()))
    return {
        "test/map": _mean(every),
        "test/map_50": _mean(every[:, OVERLAP_50]),
        "test/map_75": _mean(every[:, OVERLAP_75]),
        "test/recall_100": recall,
        **{f"test/map_class_{number}": value for number, value in by_class.items()},
    }


def _checked(arrays: Arrays) -> tuple[Array, Array]:
    label, detections = needed(arrays, "label", "detections")
    fits = label.ndim == detections.ndim == 3 and len(label) == len(detections)
    if not fits or label.shape[2:] != (5,) or detections.shape[2:] != (6,):
        raise ValueError(
            "label must be (examples, objects, 5) and detections (examples, detections, 6), got "
            f"{label.shape} and {detections.shape}; pass the arrays of one predictions.npz"
        )
    return label, detections


def _coco(label: Array, detections: Array) -> tuple[dict[int, Array], float]:
    """Precision (overlaps, recalls) by class that has a true box, and the mean recall at 100 boxes a picture."""
    from pycocotools.cocoeval import COCOeval  # late: a board of classifiers has no use for it

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its timings
        judge = COCOeval(_annotated(label, scored=False), _annotated(detections, scored=True), iouType="bbox")
        judge.params.catIds = sorted({int(number) for number in label[:, :, 0].ravel() if number >= 0})
        judge.params.imgIds = list(range(len(label)))
        judge.params.iouThrs, judge.params.recThrs = OVERLAPS, RECALLS
        judge.evaluate()
        judge.accumulate()
    # precision: (overlaps, recalls, classes, sizes, limits); the first size is all, the last limit is 100
    precision, recall = judge.eval["precision"][:, :, :, 0, -1], judge.eval["recall"][:, :, 0, -1]
    by_class = {number: precision[:, :, k] for k, number in enumerate(judge.params.catIds)}
    return by_class, _mean(recall)


def _annotated(boxes: Array, *, scored: bool) -> Any:
    """The rows of an array as COCO's annotations: width and height in place of the second corner."""
    from pycocotools.coco import COCO

    annotations: list[dict[str, Any]] = []
    for image, row in zip(*np.nonzero(boxes[:, :, 0] >= 0), strict=True):
        number, *rest = (float(value) for value in boxes[image, row])
        x1, y1, x2, y2 = rest[-4:]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": int(image),
                "category_id": int(number),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
                **({"score": rest[0]} if scored else {}),
            }
        )
    coco = COCO()
    coco.dataset = {
        "images": [{"id": number} for number in range(len(boxes))],
        "annotations": annotations,
        "categories": [{"id": int(number)} for number in {a["category_id"] for a in annotations}],
    }
    coco.createIndex()
    return coco


def _mean(values: Array) -> float:
    """The mean over what COCO gives a value: -1 stands for none."""
    known = values[values > -1]
    return (
        math.fsum(known.ravel()) / known.size if known.size else math.nan
    )  # exact: the same bits everywhere
