import pytest
import torch

from podium.contracts import Batch
from podium.tricks.cutmix import CutMix
from podium.tricks.draws import beta


def reference(batch: Batch, alpha: float) -> Batch:
    """Pixel by pixel, with the same draws in the same order."""
    n, _, h, w = batch.input.shape
    side = (1 - beta(alpha)) ** 0.5
    partner, high, wide = torch.randperm(n), int(h * side), int(w * side)
    top, left = int(torch.randint(h, (1, 1))) - high // 2, int(torch.randint(w, (1, 1))) - wide // 2
    box = [
        (y, x)
        for y in range(max(0, top), min(h, top + high))
        for x in range(max(0, left), min(w, left + wide))
    ]
    mixed = batch.input.clone()
    for y, x in box:
        mixed[:, :, y, x] = batch.input[partner, :, y, x]
    share = 1 - len(box) / (h * w)
    return Batch(mixed, share * batch.target + (1 - share) * batch.target[partner])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_a_mixed_batch_is_the_formula(images, alpha):
    for seed in range(20):
        torch.manual_seed(seed)
        got = CutMix(alpha=alpha).edit_batch(images)
        torch.manual_seed(seed)
        expected = reference(images, alpha)
        assert torch.equal(got.input, expected.input)
        torch.testing.assert_close(got.target, expected.target)
        torch.testing.assert_close(got.target.sum(1), torch.ones(8))


def test_videos_are_mixed_in_all_frames(images):
    video = images.input[:, :, None].expand(-1, -1, 3, -1, -1)
    torch.manual_seed(1)
    got = CutMix(alpha=1.0).edit_batch(Batch(video, images.target)).input
    torch.manual_seed(1)
    assert torch.equal(got[:, :, 2], CutMix(alpha=1.0).edit_batch(images).input)


def test_zero_alpha_is_neutral_and_draws_nothing(images):
    state = torch.get_rng_state()
    assert CutMix(alpha=0.0).edit_batch(images) is images
    assert torch.equal(state, torch.get_rng_state())


def test_it_mutates_nothing(images):
    before = Batch(images.input.clone(), images.target.clone())
    CutMix(alpha=1.0).edit_batch(images)
    assert torch.equal(images.input, before.input)
    assert torch.equal(images.target, before.target)


def test_evaluation_is_not_mixed(tools):
    tools.edits_training_alone(CutMix(alpha=1.0), images=True)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: CutMix(alpha=1.0), tmp_path, images=True)


def test_inputs_that_are_no_images_are_refused(batch):
    with pytest.raises(ValueError, match=r"^inputs must be images .*, got \(8, 6\).*leave this trick out$"):
        CutMix(alpha=1.0).edit_batch(batch)


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), float("inf")])
def test_a_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match=r"^alpha must be at least 0 and finite, got .*$"):
        CutMix(alpha=alpha)
