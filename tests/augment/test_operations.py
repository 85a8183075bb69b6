"""Every operation at sixteen magnitudes against torchvision's, image by image."""

import math

import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from podium.augment.operations import COMMON, PAPER, SIGNED, WIDE, Fill, apply_each, operate

NEAREST = InterpolationMode.NEAREST
FILL = Fill(interpolation="nearest", fill_mode="constant", cval=0.0)
STILL = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], "interpolation": NEAREST}


def sheared(image, x, y):
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return tv.affine(image, **{**STILL, "shear": degrees}, center=[0, 0])


THEIRS = {
    "shear_x": lambda image, m: sheared(image, m, 0.0),
    "shear_y": lambda image, m: sheared(image, 0.0, m),
    "translate_x": lambda image, m: tv.affine(image, **{**STILL, "translate": [int(m), 0]}),
    "translate_y": lambda image, m: tv.affine(image, **{**STILL, "translate": [0, int(m)]}),
    "rotate": lambda image, m: tv.rotate(image, m, interpolation=NEAREST),
    "brightness": lambda image, m: tv.adjust_brightness(image, 1 + m),
    "color": lambda image, m: tv.adjust_saturation(image, 1 + m),
    "contrast": lambda image, m: tv.adjust_contrast(image, 1 + m),
    "sharpness": lambda image, m: tv.adjust_sharpness(image, 1 + m),
    "posterize": lambda image, m: tv.posterize(image, int(m)),
    "solarize": tv.solarize,
    "autocontrast": lambda image, _: tv.autocontrast(image),
    "equalize": lambda image, _: tv.equalize(image),
    "invert": lambda image, _: tv.invert(image),
}


@pytest.mark.parametrize("strengths", [PAPER, WIDE], ids=["paper", "wide"])
@pytest.mark.parametrize("name", THEIRS)
def test_an_operation_is_torchvisions(images, name, strengths):
    level = torch.linspace(-1 if name in SIGNED else 0, 1, len(images))
    magnitude = strengths.magnitude(name, level, images.shape[-2:])
    found = operate(images, name, magnitude, FILL)
    expected = torch.stack([THEIRS[name](x, float(m)) for x, m in zip(images, magnitude, strict=True)])
    differs = ((found - expected).abs() > 1e-5).float().mean()
    assert differs < 0.005  # a place halfway between two pixels may round either way
    assert name in ("autocontrast",) or not torch.equal(found, images)


def test_magnitudes_at_the_ends_are_the_papers():
    ends, size = torch.tensor([0.0, 1.0]), (331, 662)
    assert PAPER.magnitude("translate_x", ends, size).tolist() == pytest.approx([0, 300])
    assert PAPER.magnitude("translate_y", ends, size).tolist() == pytest.approx([0, 150])
    assert PAPER.magnitude("posterize", ends, size).tolist() == [8, 4]
    assert PAPER.magnitude("solarize", ends, size).tolist() == [1, 0]
    assert PAPER.magnitude("rotate", ends, size).tolist() == [0, 30]
    assert WIDE.magnitude("translate_x", ends, size).tolist() == [0, 32]
    assert WIDE.magnitude("posterize", ends, size).tolist() == [8, 2]


def test_each_image_gets_the_operation_that_was_chosen_for_it(images):
    names = ("identity", "invert", "solarize")
    chosen = torch.tensor([0, 1, 2, -1] * 4)
    before = images.clone()
    found = apply_each(images, names, chosen, torch.full((16,), -1.0), PAPER, FILL)
    for k, number in enumerate(chosen.tolist()):
        expected = images[k] if number in (0, -1) else 1 - images[k]  # solarized above a threshold of 0
        assert torch.equal(found[k], expected)
    assert torch.equal(images, before)


def test_operations_that_go_both_ways_keep_their_sign(images):
    there, back = (
        apply_each(
            images, ("rotate",), torch.zeros(16, dtype=torch.int64), torch.full((16,), sign), PAPER, FILL
        )
        for sign in (1.0, -1.0)
    )
    assert not torch.equal(there, back)


def test_there_are_fourteen_common_operations():
    assert len(set(COMMON)) == 14
    assert set(COMMON) == {*THEIRS, "identity"} - {"invert"}


def test_an_unknown_interpolation_is_refused():
    with pytest.raises(
        ValueError, match=r"^interpolation must be bilinear or nearest, got cubic; choose nearest$"
    ):
        Fill(interpolation="cubic", fill_mode="constant", cval=0.0)
