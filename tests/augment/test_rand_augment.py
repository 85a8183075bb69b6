import pytest
import torch

from podium.augment.operations import COMMON, PAPER, SIGNED, Fill, operate
from podium.augment.rand_augment import RandAugment

LOOK = {"interpolation": "nearest", "fill_mode": "constant", "cval": 0.0}


def test_each_image_gets_one_of_fourteen_operations_at_the_level_and_all_occur(images):
    image = images[:1]
    possible = {}
    for name in COMMON:
        for sign in (1, -1) if name in SIGNED else (1,):
            magnitude = PAPER.magnitude(name, torch.tensor([sign * 9 / 30]), image.shape[-2:])
            result = image if name == "identity" else operate(image, name, magnitude, Fill(**LOOK))
            possible[name, sign] = result[0]
    found = RandAugment(num_ops=1, magnitude=9, num_magnitude_bins=31, **LOOK)(image.repeat(600, 1, 1, 1))
    counts = {
        key: sum(torch.allclose(f, result, atol=1e-6) for f in found) for key, result in possible.items()
    }
    assert all(any(torch.allclose(f, result, atol=1e-6) for result in possible.values()) for f in found)
    assert min(counts.values()) >= 5
    assert 20 < sum(counts[key] for key in (("rotate", 1), ("rotate", -1))) < 70


def test_operations_come_one_after_the_other(images):
    options = {"magnitude": 9, "num_magnitude_bins": 31, **LOOK}
    torch.manual_seed(3)
    twice = RandAugment(num_ops=2, **options)(images)
    torch.manual_seed(3)
    single = RandAugment(num_ops=1, **options)
    assert torch.equal(twice, single(single(images)))


def test_no_operation_is_neutral(images):
    assert RandAugment(num_ops=0, magnitude=9, num_magnitude_bins=31, **LOOK)(images) is images


@pytest.mark.parametrize(("num_ops", "magnitude", "bins"), [(-1, 9, 31), (2, 31, 31), (2, -1, 31), (2, 0, 1)])
def test_values_out_of_range_are_refused(num_ops, magnitude, bins):
    with pytest.raises(ValueError, match=r"^(num_ops|magnitude) must be .*, got .*; .*$"):
        RandAugment(num_ops=num_ops, magnitude=magnitude, num_magnitude_bins=bins, **LOOK)
