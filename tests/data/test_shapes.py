import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from podium.data import shapes
from podium.data.arrays import Source, content_hash
from podium.run.conf import conf_dir


@pytest.fixture(scope="module")
def made():
    return shapes.draw_shapes(pictures=60, seed=0)


def data(name, *overrides):
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=[f"data={name}", *overrides])
    return instantiate(OmegaConf.to_container(config.data, resolve=True), _convert_="all")


@pytest.mark.parametrize("name", ["shapes_detection", "shapes_segmentation"])
def test_a_shapes_set_has_its_checksum_and_its_published_test_split(name):
    module = data(name)
    found = module.fingerprint()
    assert found.sizes == {"train": 1440, "validation": 160, "test": 400}
    assert found.content == module.checksum
    assert module.examples("test").index.tolist() == list(range(1600, 2000))


def test_both_sets_show_the_same_pictures_and_their_targets_agree():
    boxes, masks = data("shapes_detection"), data("shapes_segmentation")
    ours, theirs = boxes.examples("test").batch(slice(0, 20)), masks.examples("test").batch(slice(0, 20))
    assert torch.equal(ours.input, theirs.input)
    assert (boxes.num_classes, masks.num_classes) == (3, 4)
    for rows, mask in zip(ours.target, theirs.target, strict=True):
        classes = {int(row[0]) for row in rows if row[0] >= 0}
        assert classes == {int(number) - 1 for number in mask.unique() if number > 0}


def test_pictures_are_drawn_by_numbers_that_numpy_has_frozen(made):
    digest = content_hash(Source(made.pictures, made.masks, None))
    assert digest == "40d3b1c1168e3d6fff7f7d0919a0a07b2f6d627f893edca79e791aec6583a052"
    assert content_hash(Source(shapes.draw_shapes(pictures=60, seed=1).pictures, made.masks, None)) != digest


def test_boxes_touch_the_objects_that_can_be_seen_and_nothing_else_is_there(made):
    for mask, rows in zip(made.masks, made.boxes, strict=True):
        there = rows[rows[:, 0] >= 0]
        assert 1 <= len(there) <= shapes.MOST_OBJECTS
        inside = np.zeros_like(mask, dtype=bool)
        for number, *corners in there:
            x1, y1, x2, y2 = (int(corner) for corner in corners)
            inside[y1:y2, x1:x2] = True
            own = mask[y1:y2, x1:x2] == number + 1
            assert own.any(axis=1)[[0, -1]].all()
            assert own.any(axis=0)[[0, -1]].all()
        assert not mask[~inside].any()


def test_later_objects_lie_on_top_and_hidden_ones_are_dropped():
    below = shapes.outline(1, x=20, y=20, radius=6)
    above = shapes.outline(1, x=22, y=22, radius=9)
    hidden, seen = shapes._visible([below, above])
    assert not hidden.any()
    assert (seen == above).all()
    beside = shapes.outline(1, x=26, y=20, radius=6)
    part, whole = shapes._visible([below, beside])
    assert (whole == beside).all()
    assert (part == (below & ~beside)).all()
    uncovered, gone, _ = shapes._visible([below, below, beside])
    assert not uncovered.any()
    assert gone.any()


def test_what_is_dropped_hides_nothing():
    low, middle = shapes.outline(1, x=20, y=20, radius=8), shapes.outline(1, x=24, y=20, radius=6)
    top = shapes.outline(1, x=26, y=20, radius=7)
    seen = shapes._visible([low, middle, top])
    assert not seen[1].any()
    assert (seen[0] == (low & ~top)).all()


@pytest.mark.parametrize(("kind", "share"), [(0, np.pi / 4), (1, 1.0), (2, 0.5)])
def test_shapes_have_their_area(kind, share):
    whole = shapes.outline(kind, x=30, y=30, radius=13)
    assert whole.sum() == pytest.approx(share * 26.5**2, rel=0.05)
    assert shapes.box_of(whole) == (17, 17, 44, 44)


@pytest.mark.parametrize("option", ["permute_seed", "random_labels_seed"])
def test_views_that_need_one_class_an_example_are_refused(option):
    with pytest.raises(Exception, match="must be null where examples have no one class"):
        data("shapes_segmentation", f"data.view.{option}=3")
