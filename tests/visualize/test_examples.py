import numpy as np
import pytest
from PIL import Image

from podium.data.shapes import CLASSES, draw_shapes
from podium.visualize.examples import SHOWN, box_examples, colour_of, mask_examples


@pytest.fixture(scope="module")
def shapes():
    return draw_shapes(pictures=10, seed=0)


def detections(boxes, score):
    scores = np.where(boxes[..., :1] >= 0, score, -1)
    return np.concatenate([boxes[..., :1], scores, boxes[..., 1:]], axis=2).astype(np.float32)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def has(image, colour, *, within=12):
    return int((np.abs(image - 255 * np.array(colour)).max(axis=2) <= within).sum())


def test_boxes_are_drawn_in_the_colours_of_their_classes_the_same_bytes_each_time(shapes, tmp_path):
    found = detections(shapes.boxes, 0.9)
    for name in ("a", "b"):
        box_examples(shapes.pictures / 255, shapes.boxes, found, CLASSES, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    image = pixels(tmp_path / "a.png")
    seen = {int(number) for number in shapes.boxes[:SHOWN, :, 0].ravel() if number >= 0}
    for number in seen:
        assert has(image, colour_of(number)) > 500
    assert image.shape[1] > image.shape[0] > 500


def test_unsure_boxes_are_left_out_unless_there_is_nothing_better(shapes, tmp_path):
    boxes, pictures = shapes.boxes[:2], shapes.pictures[:2] / 255
    nothing = np.full_like(detections(boxes, 0.9), -1)
    unsure = detections(boxes, 0.1)
    both = np.concatenate(
        [detections(boxes, 0.9), unsure + [0, 0, 9, 9, 9, 9] * (unsure[..., :1] >= 0)], axis=1
    )
    drawn = {}
    for name, found in {
        "none": nothing,
        "unsure": unsure,
        "sure": detections(boxes, 0.9),
        "both": both,
    }.items():
        box_examples(pictures, boxes, found, CLASSES, tmp_path / f"{name}.png")
        drawn[name] = pixels(tmp_path / f"{name}.png")
    assert np.array_equal(drawn["sure"], drawn["both"])
    assert not np.array_equal(drawn["none"], drawn["unsure"])


def test_masks_are_drawn_over_grey_and_differ_where_predictions_do(shapes, tmp_path):
    names = ["ground", *CLASSES]
    mask_examples(shapes.pictures / 255, shapes.masks, shapes.masks, names, tmp_path / "right.png")
    mask_examples(
        shapes.pictures / 255, shapes.masks, np.zeros_like(shapes.masks), names, tmp_path / "wrong.png"
    )
    right, wrong = pixels(tmp_path / "right.png"), pixels(tmp_path / "wrong.png")
    assert right.shape == wrong.shape
    changed = np.flatnonzero((right != wrong).any(axis=(0, 2)))
    assert len(changed) > 50


def test_one_grey_picture_that_was_standardised_and_many_classes_can_be_drawn(tmp_path):
    draw = np.random.RandomState(0)
    picture = draw.randn(1, 1, 20, 30)
    mask = draw.randint(0, 81, (1, 20, 30)).astype(np.uint8)
    mask[0, 0] = 255
    names = [str(number) for number in range(81)]
    mask_examples(picture, mask, mask, names, tmp_path / "masks.png")
    box_examples(picture, np.full((1, 3, 5), -1.0), np.full((1, 3, 6), -1.0), names, tmp_path / "boxes.png")
    assert pixels(tmp_path / "masks.png").std() > 10
    assert len({colour_of(number) for number in range(81)}) == 81
