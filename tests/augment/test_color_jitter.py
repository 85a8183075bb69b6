import itertools

import pytest
import torch

from podium.augment.color import brightness, contrast
from podium.augment.color_jitter import ColorJitter

OFF = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def test_each_image_has_factors_and_an_order_of_its_own(images):
    torch.manual_seed(3)
    found = ColorJitter(**{**OFF, "brightness": 0.5, "contrast": 0.4})(images)
    torch.manual_seed(3)
    order, amounts = torch.rand(len(images), 2).argsort(1), torch.rand(len(images), 2)
    orders = set()
    for k, image in enumerate(images):
        changes = [(brightness, 0.5 + amounts[k, 0]), (contrast, 0.6 + 0.8 * amounts[k, 1])]
        expected = image[None]
        for step in order[k].tolist():
            change, factor = changes[step]
            expected = change(expected, factor[None])
        torch.testing.assert_close(found[k], expected[0])
        orders.add(tuple(order[k].tolist()))
    assert orders == set(itertools.permutations(range(2)))


def test_values_stay_between_0_and_1(images):
    found = ColorJitter(brightness=0.9, contrast=0.9, saturation=0.9, hue=0.5)(images)
    assert 0 <= found.min() < found.max() <= 1


def test_no_strength_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert ColorJitter(**OFF)(images) is images
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(("name", "value"), [("hue", 0.6), ("brightness", -0.1), ("contrast", float("nan"))])
def test_a_strength_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value}; 0 switches it off$"):
        ColorJitter(**{**OFF, name: value})
