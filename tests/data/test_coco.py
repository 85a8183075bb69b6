"""Files in the layout of COCO, made here."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as pycoco

from podium.data.annotated import AnnotatedFiles
from podium.data.coco import unpack
from podium.data.coco_detection import CocoDetection
from podium.data.coco_segmentation import CocoSegmentation
from podium.data.split import Split
from podium.data.view import View

VIEW = View(fraction=1.0, permute_seed=None, random_labels_seed=None, standardize="none")
WIDTH, HEIGHT = 20, 10
CATEGORIES = [{"id": 90, "name": "dog"}, {"id": 3, "name": "cat"}]
BOX = [2, 1, 8, 6]  # x, y, width, height


def polygon(x, y, width, height):
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def one(image, category=90, **changes):
    node = {
        "id": image,
        "image_id": image,
        "category_id": category,
        "bbox": BOX,
        "area": 48,
        "iscrowd": 0,
        "segmentation": polygon(*BOX),
    }
    return {**node, **changes}


def write(root, split, annotations, **changes):
    first = 1 if split == "train" else 101
    numbers = range(first, first + 4)
    images = [{"id": k, "file_name": f"{k:03}.jpg", "width": WIDTH, "height": HEIGHT} for k in numbers]
    (root / "coco" / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "coco" / split).mkdir(exist_ok=True)
    for image in images:
        Image.new("RGB", (WIDTH, HEIGHT), (image["id"], 0, 0)).save(
            root / "coco" / split / image["file_name"]
        )
    whole = {"images": images[::-1], "annotations": annotations, "categories": CATEGORIES, **changes}
    (root / "coco" / "annotations" / f"instances_{split}.json").write_text(json.dumps(whole))


@pytest.fixture
def root(tmp_path):
    write(tmp_path, "train", [one(k) for k in (1, 2, 3)])
    write(tmp_path, "val", [one(101), one(102, 3)])
    return tmp_path


def make(kind, root, *, bad="refuse", num_classes=2, shape=(3, 20, 20), classes=None):
    files = AnnotatedFiles(
        folder="coco", train="train", test="val", class_names=classes, most_objects=3, bad_annotations=bad
    )
    return kind(
        shape=list(shape),
        num_classes=num_classes + (kind is CocoSegmentation),
        checksum=None,
        root=str(root),
        seed=0,
        batch_size=2,
        split=Split(validation=0.25, test=None, folds=None, seed=0),
        view=VIEW,
        files=files,
    )


def targets(kind, root, split="test"):
    return make(kind, root).examples(split).batch(slice(None)).target


def test_boxes_are_scaled_and_classes_numbered_in_the_order_of_cocos_numbers(root):
    rows = targets(CocoDetection, root)
    assert torch.equal(rows[0, 0], torch.tensor([1.0, 2.0, 2.0, 10.0, 14.0]))
    assert rows[1, 0, 0] == 0
    assert (rows[2:] == -1).all()  # a picture without objects
    data = make(CocoDetection, root)
    data.load()
    assert data.class_names == ["cat", "dog"]


def test_polygons_and_run_lengths_of_both_kinds_give_the_same_mask(root):
    region = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    region[1:7, 2:10] = 1
    packed = pycoco.encode(region)
    flat = region.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges.tolist(), flat.size]).tolist()
    segmentations = [
        polygon(*BOX),
        {"size": [HEIGHT, WIDTH], "counts": runs},
        {"size": [HEIGHT, WIDTH], "counts": packed["counts"].decode()},
    ]
    write(root, "val", [one(101 + k, segmentation=each) for k, each in enumerate(segmentations)])
    masks = targets(CocoSegmentation, root)
    expected = torch.from_numpy(2 * region.repeat(2, axis=0))
    for mask in masks[:3]:
        assert torch.equal(mask, expected)
    assert not masks[3].any()


def test_the_smaller_object_is_on_top_and_crowds_are_ignored(root):
    large, small = polygon(0, 0, 12, 10), polygon(4, 2, 4, 4)
    crowd = {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}
    annotations = [
        one(101, 3, segmentation=small),
        one(101, 90, id=7, segmentation=large),
        one(101, 3, id=8, segmentation=crowd, iscrowd=1),
    ]
    write(root, "val", annotations)
    mask = targets(CocoSegmentation, root)[0]
    assert set(mask.unique().tolist()) == {1, 2, 255}
    assert (mask[4:12, 4:8] == 1).all()
    assert mask[0, 0] == 2
    assert (mask[:, 12:] == 255).all()
    assert (targets(CocoDetection, root)[0, :, 0] >= 0).sum() == 2


BAD_BOXES = {
    "outside": ({"bbox": [2, 1, 30, 6]}, "outside its 20x10 pixels"),
    "without size": ({"bbox": [2, 1, 0, 6]}, "without size"),
    "of three numbers": ({"bbox": [2, 1, 3]}, "not enough values"),
    "of no number": ({"bbox": [2, 1, float("nan"), 6]}, "outside its 20x10 pixels"),
    "of huge numbers": ({"bbox": [2, 1, 10**400, 6]}, "too large"),
    "of an unknown class": ({"category_id": 5}, "unknown class 5"),
}
BAD_MASKS = {
    "two corners": ([[1, 1, 2, 2]], "a polygon of 4 numbers"),
    "half a corner": ([[1, 1, 2, 2, 3, 3, 4]], "a polygon of 7 numbers"),
    "infinity": ([[1, 1, 2, 2, float("inf"), 3]], "a polygon of 6 numbers"),
    "words": ([["a", 1, 2, 2, 3, 3]], "could not convert"),
    "another size": ({"size": [5, 5], "counts": [25]}, "run lengths of"),
    "too long": ({"size": [HEIGHT, WIDTH], "counts": [10, 10**9]}, "do not fill the picture"),
    "negative": ({"size": [HEIGHT, WIDTH], "counts": [300, -100]}, "do not fill the picture"),
    "no counts": ({"size": [HEIGHT, WIDTH]}, "counts"),
    "packed nonsense": ({"size": [HEIGHT, WIDTH], "counts": "zz!"}, "packed run lengths with 'zz!'"),
    "packed and cut off": ({"size": [HEIGHT, WIDTH], "counts": "hh"}, "end in the middle"),
    "packed and too short": ({"size": [HEIGHT, WIDTH], "counts": "11"}, "do not fill the picture"),
}


def assert_named_and_skipped(kind, root, reason):
    with pytest.raises(ValueError, match=rf"got 1 of 8 that are not: train/002.jpg: .*{reason}") as error:
        make(kind, root).examples("train")
    assert "\n" not in str(error.value)
    assert make(kind, root, bad="skip").fingerprint().sizes == {"train": 2, "validation": 1, "test": 4}


@pytest.mark.parametrize("case", BAD_BOXES)
def test_a_bad_box_is_named_in_one_line_and_can_be_skipped(root, case):
    changes, reason = BAD_BOXES[case]
    write(root, "train", [one(1), one(2, **changes), one(3)])
    assert_named_and_skipped(CocoDetection, root, reason)


@pytest.mark.parametrize("case", BAD_MASKS)
def test_a_bad_mask_is_named_in_one_line_and_can_be_skipped(root, case):
    segmentation, reason = BAD_MASKS[case]
    write(root, "train", [one(1), one(2, segmentation=segmentation), one(3)])
    assert_named_and_skipped(CocoSegmentation, root, reason)


def test_a_polygon_far_outside_takes_no_memory_and_is_cut(root):
    write(root, "val", [one(101, segmentation=[[-1e15, -1e15, 1e15, -1e15, 1e15, 1e15, -1e15, 1e15]])])
    assert (targets(CocoSegmentation, root)[0] == 2).all()


def test_too_many_objects_and_missing_pictures_are_named(root):
    write(root, "train", [one(1), *[one(2, id=k) for k in range(4)]])
    (root / "coco" / "train" / "003.jpg").unlink()
    with pytest.raises(ValueError, match="got 2 of 8 that are not") as error:
        make(CocoDetection, root).examples("train")
    assert "train/002.jpg: 4 objects, more than data.files.most_objects=3" in str(error.value)
    assert "train/003.jpg: no such image" in str(error.value)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "FileNotFoundError"),
        (lambda path: path.write_text('{"images": ['), "JSONDecodeError"),
        (lambda path: path.write_text("[" * 200_000), "RecursionError"),
        (lambda path: path.write_text("[]"), "TypeError"),
        (lambda path: path.write_text('{"images": [], "annotations": []}'), "KeyError"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "UnicodeDecodeError|JSONDecodeError"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(root, spoil, reason):
    path = root / "coco" / "annotations" / "instances_train.json"
    spoil(path)
    with pytest.raises(ValueError, match=rf"must be a file of COCO's instances, got ({reason})") as error:
        make(CocoDetection, root).examples("train")
    assert "\n" not in str(error.value)


def test_annotations_of_no_image_and_other_classes_are_refused(root):
    with pytest.raises(ValueError, match="num_classes must be 2, one for each of cat, dog, got 3"):
        make(CocoDetection, root, num_classes=3).examples("train")
    with pytest.raises(ValueError, match="class_names must be those of the files, cat, dog, got cow"):
        make(CocoDetection, root, classes=["cow"]).examples("train")
    write(root, "val", [], categories=CATEGORIES[:1])
    with pytest.raises(ValueError, match="train and val must have the same classes, got 2 and 1"):
        make(CocoDetection, root).examples("train")
    write(root, "val", [one(999)])
    with pytest.raises(ValueError, match="must annotate its own images, got image_id 999"):
        make(CocoDetection, root).examples("train")


def test_packed_run_lengths_are_read_as_cocos_own_code_does():
    draw = np.random.RandomState(0)
    for share in (0.02, 0.5, 0.98):
        region = np.asfortranarray((draw.random_sample((37, 53)) < share).astype(np.uint8))
        runs = unpack(pycoco.encode(region)["counts"].decode())
        assert sum(runs) == region.size
        again = np.repeat(np.arange(len(runs)) % 2, runs).reshape(53, 37).T
        assert (again == region).all()
