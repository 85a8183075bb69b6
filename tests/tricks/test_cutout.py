import pytest
import torch

from podium.contracts import Batch
from podium.tricks.cutout import Cutout


def reference(input: torch.Tensor, extent: int) -> torch.Tensor:
    """Pixel by pixel, with the same draws in the same order."""
    n, _, h, w = input.shape
    rows, columns = torch.randint(h, (n, 1)), torch.randint(w, (n, 1))
    blank = input.clone()
    for k in range(n):
        top, left = int(rows[k]) - extent // 2, int(columns[k]) - extent // 2
        for y in range(max(0, top), min(h, top + extent)):
            for x in range(max(0, left), min(w, left + extent)):
                blank[k, :, y, x] = 0
    return blank


@pytest.mark.parametrize(("side", "extent"), [(0.5, 4), (0.4, 3), (1.0, 8)])
def test_a_batch_is_the_formula_and_targets_stay(images, side, extent):
    for seed in range(10):
        torch.manual_seed(seed)
        got = Cutout(side=side).edit_batch(images)
        torch.manual_seed(seed)
        assert torch.equal(got.input, reference(images.input, extent))
        assert got.target is images.target


def test_zero_side_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert Cutout(side=0.0).edit_batch(images) is images
    assert torch.equal(state, torch.get_rng_state())


def test_it_mutates_nothing(images):
    before = images.input.clone()
    Cutout(side=0.5).edit_batch(images)
    assert torch.equal(images.input, before)


def test_evaluation_sees_whole_images(tools):
    tools.edits_training_alone(Cutout(side=0.5), images=True)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: Cutout(side=0.5), tmp_path, images=True)


def test_a_side_below_a_pixel_is_refused(images):
    with pytest.raises(ValueError, match=r"^side must be at least a pixel of 8, got 0.01; .*$"):
        Cutout(side=0.01).edit_batch(images)


def test_inputs_that_are_no_images_are_refused(batch):
    with pytest.raises(ValueError, match=r"^inputs must be images .*$"):
        Cutout(side=0.5).edit_batch(Batch(batch.input, batch.target))


@pytest.mark.parametrize("side", [-0.1, 1.1, float("nan")])
def test_a_bad_side_is_refused(side):
    with pytest.raises(ValueError, match=r"^side must be in \[0, 1\], got .*$"):
        Cutout(side=side)
