"""Every augmentation of conf/augment: what all of them promise."""

import copy
import importlib
import inspect
import random
from functools import cache

import numpy as np
import pytest
import torch

from podium.contracts import Augmentation
from podium.run.assemble import compose
from podium.run.build import build_augmentations
from podium.run.conf import groups

NAMES = groups()["augment"]
NEUTRAL = {"none", "classic"}


@cache
def blocks(name):
    return compose([f"augment={name}"])["augment"]


def made(name, shape=(3, 16, 12), targets="classes"):
    return build_augmentations({"augment": blocks(name), "data": {"shape": list(shape)}}, targets=targets)


def apply(augmentations, images, seed=0):
    torch.manual_seed(seed)
    for augmentation in augmentations:
        images = augmentation(images)
    return images


def pictures(channels=3):
    return torch.rand(9, channels, 16, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_it_keeps_form_kind_and_range_and_mutates_nothing(name, channels):
    images = pictures(channels)
    before = images.clone()
    found = apply(made(name, (channels, 16, 12)), images)
    assert found.shape == images.shape
    assert found.dtype == images.dtype
    assert found.min() >= -1e-5
    assert found.max() <= 1 + 1e-5
    assert torch.equal(images, before)
    assert (found is images) == (name in NEUTRAL)


@pytest.mark.parametrize("name", sorted(set(NAMES) - NEUTRAL))
def test_every_image_is_changed_by_draws_of_its_own(name):
    same = pictures()[:1].repeat(24, 1, 1, 1)
    assert len(apply(made(name), same).flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("name", sorted(set(NAMES) - NEUTRAL))
def test_torchs_global_generator_alone_decides(name):
    images, augmentations = pictures(), made(name)
    elsewhere = (random.getstate(), np.random.get_state()[1].copy())
    first, again, other = (apply(augmentations, images, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert random.getstate() == elsewhere[0]
    assert np.array_equal(np.random.get_state()[1], elsewhere[1])


@pytest.mark.parametrize("name", sorted(set(NAMES) - NEUTRAL))
def test_it_keeps_nothing_from_one_batch_to_the_next(name):
    augmentations = made(name)
    before = copy.deepcopy([vars(one) for one in augmentations])
    apply(augmentations, pictures())
    assert str(before) == str([vars(one) for one in augmentations])


@pytest.mark.parametrize("name", NAMES)
def test_the_file_writes_every_parameter_and_the_module_names_its_source(name):
    for key, block in blocks(name).items():
        module, _, title = block["_target_"].rpartition(".")
        found = importlib.import_module(module)
        assert module == f"podium.augment.{key}"
        assert issubclass(getattr(found, title), Augmentation)
        parameters = inspect.signature(getattr(found, title)).parameters
        assert set(block) - {"_target_"} == set(parameters)
        assert all(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters.values())
        assert "https://" in found.__doc__
        assert "Follows" in found.__doc__ or "Differs from" in found.__doc__


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"none"}))
@pytest.mark.parametrize("shape", [(40,), (1, 40), (3, 8, 16, 16)])
def test_what_is_no_image_is_refused(name, shape):
    with pytest.raises(
        ValueError, match=r"^augment\.\w+: samples must be images .*, got .*; set augment=none$"
    ):
        made(name, shape)


@pytest.mark.parametrize("targets", ["masks", "boxes"])
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"none"}))
def test_pixels_may_not_move_where_targets_do_not(name, targets):
    if name in ("channel_shift", "color_jitter"):
        assert made(name, targets=targets)
    else:
        with pytest.raises(
            ValueError, match=rf"^augment\.\w+: pixels must stay .* targets are {targets}, got .*; choose"
        ):
            made(name, targets=targets)


def test_the_cats_and_dogs_setting_is_the_lectures():
    affine, flip = (blocks("cats_and_dogs")[key] for key in ("affine", "flip"))
    wanted = {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 0.2}
    assert wanted.items() <= affine.items()
    assert affine["zoom_range"] == 0.2
    assert affine["fill_mode"] == "nearest"
    assert (flip["horizontal_p"], flip["vertical_p"]) == (0.5, 0)
    assert blocks("cats_and_dogs")["channel_shift"]["range"] == 0


def test_several_files_act_in_the_order_in_which_they_are_named():
    assert list(blocks("[flip,crop]")) == ["flip", "crop"]
    assert list(blocks("[crop,flip]")) == ["crop", "flip"] == list(blocks("flip_crop"))
