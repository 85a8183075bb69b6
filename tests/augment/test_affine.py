"""The generator's map, written out with numpy for one image at a time, and looked up by scipy."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from podium.augment.affine import Affine, _draw_shift

OFF = {
    "rotation_range": 0.0,
    "width_shift_range": 0.0,
    "height_shift_range": 0.0,
    "shear_range": 0.0,
    "zoom_range": 0.0,
    "fill_mode": "nearest",
    "cval": 0.0,
}


def affine(**options):
    return Affine(**{**OFF, **options})


def one_by_one(images, *, rotation, width, height, shear, zoom):
    """Keras' rotation, shift, shear and zoom about the middle, each image with the next draws of the generator."""
    n, rows, columns = len(images), images.shape[2], images.shape[3]
    turn, down, right, slant, tall, wide = (2 * torch.rand(n).double().numpy() - 1 for _ in range(6))
    found = []
    for k, image in enumerate(images.double().numpy()):
        a, s = np.deg2rad(rotation * turn[k]), np.deg2rad(shear * slant[k])
        matrix = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        matrix = matrix @ [[1, 0, height * rows * down[k]], [0, 1, width * columns * right[k]], [0, 0, 1]]
        matrix = matrix @ [[1, -np.sin(s), 0], [0, np.cos(s), 0], [0, 0, 1]]
        matrix = matrix @ np.diag([1 + zoom * tall[k], 1 + zoom * wide[k], 1])
        middle = np.array([rows / 2 - 0.5, columns / 2 - 0.5])
        offset = middle + matrix[:2, 2] - matrix[:2, :2] @ middle
        found.append(
            [ndimage.affine_transform(c, matrix[:2, :2], offset, order=1, mode="nearest") for c in image]
        )
    return torch.from_numpy(np.array(found)).float()


def test_it_is_the_generators_map_of_each_image(images):
    options = {
        "rotation_range": 40.0,
        "width_shift_range": 0.2,
        "height_shift_range": 0.3,
        "shear_range": 20.0,
    }
    torch.manual_seed(5)
    found = affine(**options, zoom_range=0.2)(images)
    torch.manual_seed(5)
    expected = one_by_one(images, rotation=40, width=0.2, height=0.3, shear=20, zoom=0.2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    torch.manual_seed(5)
    other = one_by_one(images, rotation=40, width=0.3, height=0.2, shear=20, zoom=0.2)
    assert not torch.allclose(found, other, atol=1e-2)


@pytest.mark.parametrize("amount", [3, 3.0])
def test_from_1_on_a_shift_is_in_whole_pixels_below_the_range(amount):
    drawn = _draw_shift(amount, 100, like=torch.zeros(600))
    assert set(drawn.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_a_list_of_shifts_is_chosen_from_with_either_sign():
    assert set(_draw_shift([0.25, 0.5], 8, like=torch.zeros(200)).tolist()) == {-4.0, -2.0, 2.0, 4.0}
    assert set(_draw_shift([0.5, 3.0], 8, like=torch.zeros(200)).tolist()) == {-3.0, -0.5, 0.5, 3.0}


def test_a_shift_of_whole_pixels_moves_and_does_not_blur(images):
    moved = affine(width_shift_range=[2.0], fill_mode="wrap")(images)
    for image, original in zip(moved, images, strict=True):
        assert any(torch.allclose(image, original.roll(step, -1), atol=1e-5) for step in (-2, 2))


def test_zooms_lie_between_the_two_numbers(images):
    bright = torch.ones(200, 1, 60, 60)
    lengths = affine(zoom_range=[2.0, 3.0], fill_mode="constant")(bright)[:, 0].amax(1).sum(1)
    assert (60 / lengths > 1.95).all()
    assert (60 / lengths < 3.05).all()
    assert lengths.max() / lengths.min() > 1.3
    assert affine(zoom_range=[1.0, 1.0])(images) is images


def test_nothing_switched_on_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert affine()(images) is images
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rotation_range": -1.0},
            "rotation_range must be at least 0 and finite, got -1.0; 0 switches it off",
        ),
        ({"shear_range": 90.0}, "shear_range must be from 0 to 89, got 90.0; 0 switches it off"),
        (
            {"width_shift_range": 2.5},
            "width_shift_range must be below 1 or a whole number of pixels, got 2.5; .*",
        ),
        ({"height_shift_range": []}, r"height_shift_range must hold an amount, got \[\]; 0 switches it off"),
        ({"height_shift_range": [-1.0]}, "height_shift_range must be at least 0 and finite, got -1.0; .*"),
        (
            {"zoom_range": 1.0},
            r"zoom_range must be in \[0, 1\) or two positive numbers that rise, got 1.0; .*",
        ),
        ({"zoom_range": [1.0]}, r"zoom_range must be .*, got \[1.0\]; .*"),
        ({"zoom_range": [2.0, 1.0]}, r"zoom_range must be .*, got \[2.0, 1.0\]; .*"),
        (
            {"fill_mode": "mirror"},
            "fill_mode must be one of nearest, constant, reflect, wrap, got mirror; .*",
        ),
        ({"cval": float("nan")}, "cval must be finite, got nan; 0 is black"),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        affine(**options)
