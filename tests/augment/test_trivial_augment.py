import pytest
import torch

from podium.augment.operations import COMMON, WIDE, Fill, apply_each
from podium.augment.trivial_augment import TrivialAugment

LOOK = {"interpolation": "nearest", "fill_mode": "constant", "cval": 0.0}


def test_each_image_gets_one_operation_at_a_level_of_its_own(images):
    torch.manual_seed(3)
    found = TrivialAugment(num_magnitude_bins=31, **LOOK)(images)
    torch.manual_seed(3)
    chosen = torch.randint(14, (16,))
    level = torch.randint(31, (16,)) / 30 * (2 * torch.randint(2, (16,)) - 1)
    for k, image in enumerate(images):
        alone = apply_each(image[None], COMMON, chosen[k : k + 1], level[k : k + 1], WIDE, Fill(**LOOK))
        torch.testing.assert_close(found[k], alone[0], atol=1e-6, rtol=0)
    assert len(set(chosen.tolist())) > 5


def test_a_single_level_is_refused():
    with pytest.raises(ValueError, match=r"^num_magnitude_bins must be at least 2, got 1; set 31$"):
        TrivialAugment(num_magnitude_bins=1, **LOOK)
