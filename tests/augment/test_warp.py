import numpy as np
import pytest
import torch
from scipy import ndimage

from podium.augment.warp import fold, identity, warp

SCIPY = {"nearest": "nearest", "constant": "grid-constant", "reflect": "reflect", "wrap": "grid-wrap"}


def by_scipy(image, matrix, *, mode, cval, order=1):
    """One image under one map, the affine part about the middle, channel by channel."""
    middle = (np.array(image.shape[1:]) - 1) / 2
    turn = matrix[:2, :2].double().numpy()
    offset = middle + matrix[:2, 2].double().numpy() - turn @ middle
    channels = [
        ndimage.affine_transform(c, turn, offset, order=order, mode=mode, cval=cval)
        for c in image.double().numpy()
    ]
    return torch.from_numpy(np.stack(channels)).float()


def maps(count):
    matrix = torch.eye(3).repeat(count, 1, 1)
    matrix[:, :2, :2] += 0.6 * torch.randn(count, 2, 2)
    matrix[:, :2, 2] = 6 * torch.randn(count, 2)
    return matrix


@pytest.mark.parametrize("mode", SCIPY)
def test_every_fill_mode_is_scipys(images, mode):
    matrix = maps(len(images))
    found = warp(images, matrix, fill_mode=mode, cval=0.3)
    for k, image in enumerate(images):
        torch.testing.assert_close(
            found[k], by_scipy(image, matrix[k], mode=SCIPY[mode], cval=0.3), atol=2e-5, rtol=0
        )


def test_one_fill_mode_is_not_another(images):
    matrix = maps(len(images))
    found = {mode: warp(images, matrix, fill_mode=mode, cval=0.3) for mode in SCIPY}
    for mode in SCIPY:
        assert sum(torch.allclose(found[mode], other, atol=1e-2) for other in found.values()) == 1


@pytest.mark.parametrize("mode", SCIPY)
def test_the_nearest_pixel_is_taken_when_nothing_is_interpolated(images, mode):
    matrix = maps(len(images))
    found = warp(images, matrix, fill_mode=mode, cval=0.0, interpolation="nearest")
    values = {*images.unique().tolist(), 0.0}
    assert set(found.unique().tolist()) <= values
    for k, image in enumerate(images):
        expected = by_scipy(image, matrix[k], mode=SCIPY[mode], cval=0.0, order=0)
        assert (
            found[k] == expected
        ).float().mean() > 0.98  # places halfway between pixels may round either way


@pytest.mark.parametrize("mode", SCIPY)
def test_the_identity_changes_nothing(images, mode):
    torch.testing.assert_close(
        warp(images, identity(images), fill_mode=mode, cval=0.5), images, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("mode", "numpys"), [("nearest", "edge"), ("reflect", "symmetric"), ("wrap", "wrap")]
)
def test_whole_places_are_folded_as_numpy_pads(mode, numpys):
    padded = np.pad(np.arange(5), 4, mode=numpys)
    assert fold(torch.arange(-4, 9), 5, mode).tolist() == padded.tolist()
