import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from podium.augment.resized_crop import ResizedCrop


@pytest.mark.parametrize("ratio", [[0.75, 4 / 3], [3.0, 4.0]])
def test_the_crops_are_torchvisions_at_the_same_boxes(images, ratio):
    crop = ResizedCrop(scale=[0.08, 1.0], ratio=ratio)
    torch.manual_seed(3)
    boxes = torch.stack(crop.boxes(len(images), 12, 10), 1).int().tolist()
    torch.manual_seed(3)
    found = crop(images)
    for k, box in enumerate(boxes):
        expected = tv.resized_crop(images[k], *box, size=[12, 10], antialias=False)
        torch.testing.assert_close(found[k], expected, atol=1e-5, rtol=0)


def test_boxes_lie_inside_and_have_the_areas_and_shapes_asked_for():
    top, left, tall, wide = ResizedCrop(scale=[0.2, 0.6], ratio=[0.5, 2.0]).boxes(2000, 300, 200)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + tall <= 300).all()
    assert (left + wide <= 200).all()
    area, shape = tall * wide / 60000, wide / tall
    assert 0.19 < area.min() < 0.22
    assert 0.58 < area.max() < 0.61
    assert 0.49 < shape.min() < 0.53
    assert 1.3 < shape.max() < 2.01
    assert (top == 0).any()
    assert (top + tall == 300).any()


def test_a_shape_that_never_fits_gives_the_largest_of_the_middle():
    top, left, tall, wide = ResizedCrop(scale=[1.0, 1.0], ratio=[2.0, 2.0]).boxes(3, 100, 100)
    assert torch.stack([top, left, tall, wide]).T.tolist() == [[25, 0, 50, 100]] * 3


def test_the_whole_of_a_square_is_neutral(images):
    assert ResizedCrop(scale=[1.0, 1.0], ratio=[1.0, 1.0])(images) is images


@pytest.mark.parametrize(
    ("scale", "ratio"),
    [
        ([0.0, 1.0], [1.0, 1.0]),
        ([0.5, 1.1], [1.0, 1.0]),
        ([0.6, 0.5], [1.0, 1.0]),
        ([0.5], [1.0, 1.0]),
        ([0.5, 1.0], [0.0, 1.0]),
    ],
    ids=str,
)
def test_what_is_no_range_is_refused(scale, ratio):
    with pytest.raises(
        ValueError, match=r"^(scale|ratio) must be two numbers.*, got .*; see conf/augment.*$"
    ):
        ResizedCrop(scale=scale, ratio=ratio)
