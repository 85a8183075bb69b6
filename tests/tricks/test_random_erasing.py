import math

import pytest
import torch
from scipy import stats

from podium.contracts import Batch
from podium.tricks.random_erasing import RandomErasing

PAPER = {"p": 0.5, "min_area": 0.02, "max_area": 0.4, "min_aspect": 0.3}


def reference(input: torch.Tensor) -> torch.Tensor:
    """The paper's algorithm 1 for one image after the other, with the same draws in the same order."""
    n, _, h, w = input.shape
    boxes = []
    for k, draw in enumerate(torch.rand(n).tolist()):
        while draw < 0.5:
            u = torch.rand(4, dtype=torch.float64).tolist()
            area, r = (0.02 + 0.38 * u[0]) * h * w, 0.3 + (1 / 0.3 - 0.3) * u[1]
            high, wide = round(math.sqrt(area * r)), round(math.sqrt(area / r))
            y, x = int(u[2] * h), int(u[3] * w)
            if y + high <= h and x + wide <= w:
                boxes.append((k, slice(y, y + high), slice(x, x + wide)))
                break
    noise = input.min() + (input.max() - input.min()) * torch.rand(input.shape)
    erased = input.clone()
    for k, rows, columns in boxes:
        erased[k, :, rows, columns] = noise[k, :, rows, columns]
    return erased


def test_a_batch_is_the_formula_and_targets_stay(images):
    for seed in range(10):
        torch.manual_seed(seed)
        got = RandomErasing(**PAPER).edit_batch(images)
        torch.manual_seed(seed)
        torch.testing.assert_close(got.input, reference(images.input), rtol=0, atol=0)
        assert got.target is images.target


def test_noise_is_uniform_between_the_least_and_the_greatest_value():
    images = Batch(torch.full((400, 1, 16, 16), 0.25), torch.zeros(400, 3))
    images.input[0, 0, 0, 0], images.input[0, 0, 0, 1] = -1.0, 2.0
    got = RandomErasing(**{**PAPER, "p": 1.0}).edit_batch(images).input[1:]
    noise = got[got != 0.25]
    assert stats.kstest((noise[:5000].double() + 1) / 3, "uniform").pvalue > 0.001


def test_the_share_of_erased_images_is_p():
    images = Batch(torch.rand(2000, 1, 16, 16), torch.zeros(2000, 3))
    got = RandomErasing(**{**PAPER, "p": 0.3}).edit_batch(images).input
    erased = int((got != images.input).flatten(1).any(1).sum())
    assert stats.binomtest(erased, 2000, 0.3).pvalue > 0.001


def test_a_box_that_never_fits_leaves_the_image():
    images = Batch(torch.rand(20, 1, 4, 4), torch.zeros(20, 3))
    whole = RandomErasing(p=1.0, min_area=1.0, max_area=1.0, min_aspect=1.0)
    torch.manual_seed(0)
    touched = (whole.edit_batch(images).input != images.input).flatten(1).all(1)
    assert 0 < int(touched.sum()) <= 20  # 1 of 16 tries fits: nearly always within 100
    narrow = Batch(torch.rand(20, 1, 1, 64), torch.zeros(20, 3))
    assert torch.equal(whole.edit_batch(narrow).input, narrow.input)


def test_zero_probability_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert RandomErasing(**{**PAPER, "p": 0.0}).edit_batch(images) is images
    assert torch.equal(state, torch.get_rng_state())


def test_it_mutates_nothing(images):
    before = images.input.clone()
    RandomErasing(**{**PAPER, "p": 1.0}).edit_batch(images)
    assert torch.equal(images.input, before)


def test_evaluation_sees_whole_images(tools):
    tools.edits_training_alone(RandomErasing(**PAPER), images=True)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: RandomErasing(**PAPER), tmp_path, images=True)


def test_inputs_that_are_no_images_are_refused(batch):
    with pytest.raises(ValueError, match=r"^inputs must be images .*$"):
        RandomErasing(**PAPER).edit_batch(batch)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": 1.5}, r"^p must be in \[0, 1\], got 1.5; 0 switches it off$"),
        ({"p": float("nan")}, r"^p must be .*$"),
        ({"min_area": 0.5}, r"^areas must be .* got 0.5 and 0.4; .*$"),
        ({"min_area": 0.0}, r"^areas must be .*$"),
        ({"max_area": 1.1}, r"^areas must be .*$"),
        ({"min_aspect": 0.0}, r"^min_aspect must be in \(0, 1\], got 0.0; .*$"),
        ({"min_aspect": 2.0}, r"^min_aspect must be .*$"),
    ],
)
def test_a_bad_value_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        RandomErasing(**{**PAPER, **change})
