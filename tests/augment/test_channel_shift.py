import pytest
import torch

from podium.augment.channel_shift import ChannelShift


def test_each_image_is_shifted_by_one_amount_and_kept_in_its_own_range(images):
    torch.manual_seed(3)
    found = ChannelShift(range=0.3)(images)
    torch.manual_seed(3)
    amounts = (2 * torch.rand(len(images)) - 1) * 0.3
    for k, image in enumerate(images):
        torch.testing.assert_close(found[k], (image + amounts[k]).clip(image.min(), image.max()))
    assert not torch.equal(found, images)


def test_zero_is_neutral(images):
    assert ChannelShift(range=0.0)(images) is images


def test_a_negative_range_is_refused():
    with pytest.raises(ValueError, match=r"^range must be at least 0 and finite, got -1; 0 switches it off$"):
        ChannelShift(range=-1)
