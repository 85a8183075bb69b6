import pytest
import torch

from podium.augment.flip import Flip


@pytest.mark.parametrize(
    ("options", "axis"),
    [({"horizontal_p": 1.0, "vertical_p": 0.0}, -1), ({"horizontal_p": 0.0, "vertical_p": 1.0}, -2)],
)
def test_a_certain_flip_mirrors_every_image(images, options, axis):
    assert torch.equal(Flip(**options)(images), images.flip(axis))


def test_each_image_is_mirrored_or_not_by_itself():
    image = torch.arange(6.0).view(1, 1, 2, 3).repeat(2000, 1, 1, 1)
    found = Flip(horizontal_p=0.5, vertical_p=0.2)(image)
    across, down = found[:, 0, 0, 0] % 3 == 2, found[:, 0, 0, 0] >= 3
    assert 0.46 < across.float().mean() < 0.54
    assert 0.17 < down.float().mean() < 0.23
    assert 0.08 < (across & down).float().mean() < 0.12


def test_zero_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert Flip(horizontal_p=0.0, vertical_p=0.0)(images) is images
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p):
    with pytest.raises(ValueError, match=r"^vertical_p must be from 0 to 1, got .*; 0 switches it off$"):
        Flip(horizontal_p=0.5, vertical_p=p)
