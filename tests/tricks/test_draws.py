import pytest
import torch
from scipy import stats

from podium.contracts import Batch
from podium.tricks.draws import beta, boxes_around_pixels, image_size, spread


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_are_beta_distributed(alpha):
    torch.manual_seed(6)
    shares = [beta(alpha) for _ in range(1500)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.001
    assert stats.kstest(shares, stats.beta(2 * alpha, alpha).cdf).pvalue < 0.001


@pytest.mark.parametrize("alpha", [1e-3, 1e-8, 1e-300])
def test_a_tiny_alpha_hardly_mixes(alpha):
    torch.manual_seed(7)
    shares = [beta(alpha) for _ in range(100)]
    assert sum(min(share, 1 - share) > 0.01 for share in shares) <= 3
    assert 20 < sum(share > 0.5 for share in shares) < 80


def test_boxes_are_the_pixels_around_their_centres_within_the_image():
    torch.manual_seed(3)
    inside = boxes_around_pixels(200, image=(5, 7), box=(3, 4))
    torch.manual_seed(3)
    rows, columns = torch.randint(5, (200, 1))[:, 0].tolist(), torch.randint(7, (200, 1))[:, 0].tolist()
    for box, row, column in zip(inside.tolist(), rows, columns, strict=True):
        for y in range(5):
            for x in range(7):
                assert box[y][x] == (row - 1 <= y < row + 2 and column - 2 <= x < column + 2)


def test_boxes_are_cut_off_only_at_edges_and_centres_are_uniform():
    torch.manual_seed(4)
    inside = boxes_around_pixels(4000, image=(4, 4), box=(1, 1)).flatten(1)
    assert (inside.sum(1) == 1).all()
    assert stats.chisquare(inside.sum(0).numpy()).pvalue > 0.001


@pytest.mark.parametrize("shape", [(8, 6), (8, 1, 6)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"^inputs must be images \(batch, channels, height, width\).*leave .*$"
    ):
        image_size(Batch(torch.zeros(shape), torch.zeros(8)))
    with pytest.raises(ValueError, match=r"^inputs must be images .*torch.uint8.*$"):
        image_size(Batch(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(2)))


def test_a_mask_covers_all_channels_and_frames():
    inside = torch.tensor([[[True, False]], [[False, False]]])
    video = torch.ones(2, 3, 5, 1, 2)
    assert video.masked_fill(spread(inside, video), 0).sum() == 2 * 3 * 5 * 2 - 3 * 5
