import pytest
import torch
from torch.nn import functional as F

from podium.augment.crop import Crop

PADS = {"constant": "constant", "nearest": "replicate", "wrap": "circular"}


@pytest.mark.parametrize("mode", PADS)
def test_it_is_a_window_of_the_padded_image(images, mode):
    torch.manual_seed(3)
    found = Crop(padding=4, fill_mode=mode, cval=0.0)(images)
    torch.manual_seed(3)
    top, left = torch.randint(9, (len(images),)), torch.randint(9, (len(images),))
    padded = F.pad(images, (4, 4, 4, 4), mode=PADS[mode])
    height, width = images.shape[-2:]
    for k, (down, right) in enumerate(zip(top.tolist(), left.tolist(), strict=True)):
        assert torch.equal(found[k], padded[k, :, down : down + height, right : right + width])


def test_reflection_repeats_the_edge():
    row = torch.arange(4.0).view(1, 1, 1, 4).repeat(200, 1, 1, 1)
    found = {tuple(r) for r in Crop(padding=2, fill_mode="reflect", cval=0.0)(row)[:, 0, 0].tolist()}
    assert found == {(1, 0, 0, 1), (0, 0, 1, 2), (0, 1, 2, 3), (1, 2, 3, 3), (2, 3, 3, 2)}


def test_every_place_is_drawn_equally_often():
    dot = torch.zeros(4500, 1, 3, 3)
    dot[:, :, 1, 1] = 1
    counts = Crop(padding=1, fill_mode="constant", cval=0.0)(dot).sum(0)
    assert (counts - 500).abs().max() < 100
    assert counts.sum() == 4500


def test_the_outside_has_the_value_that_was_asked_for(images):
    found = Crop(padding=3, fill_mode="constant", cval=0.5)(images)
    assert (found == 0.5).any()
    assert (images != 0.5).all()


def test_zero_is_neutral(images):
    assert Crop(padding=0, fill_mode="constant", cval=0.0)(images) is images


def test_a_negative_padding_is_refused():
    with pytest.raises(ValueError, match=r"^padding must be at least 0, got -1; 0 switches it off$"):
        Crop(padding=-1, fill_mode="constant", cval=0.0)
