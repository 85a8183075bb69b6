import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from podium.augment.color import brightness, contrast, hue, saturation

PAIRS = [
    (brightness, tv.adjust_brightness, 0, 2),
    (contrast, tv.adjust_contrast, 0, 2),
    (saturation, tv.adjust_saturation, 0, 2),
    (hue, tv.adjust_hue, -0.5, 0.5),
]


@pytest.mark.parametrize(("ours", "theirs", "low", "high"), PAIRS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_is_changed_as_by_torchvision_with_its_own_factor(
    images, ours, theirs, low, high, channels
):
    images = images[:, :channels]
    factors = torch.linspace(low, high, len(images))
    found = ours(images, factors)
    for k, image in enumerate(images):
        torch.testing.assert_close(found[k], theirs(image, factors[k].item()), atol=1e-5, rtol=0)


def test_hues_of_grey_black_and_white_pixels_stay():
    pixels = torch.tensor([0.0, 0.4, 1.0]).view(3, 1, 1, 1).expand(3, 3, 1, 1)
    assert torch.equal(hue(pixels, torch.full((3,), 0.3)), pixels)
