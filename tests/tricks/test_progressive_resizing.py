import pytest
import torch
from torch import nn

from podium.contracts import Batch, Trick
from podium.tricks.progressive_resizing import ProgressiveResizing, _resized


class _Sizes(Trick):
    """The sizes of the training images, batch by batch."""

    def __init__(self):
        self.seen = []

    def edit_batch(self, batch):
        self.seen.append(tuple(batch.input.shape[-2:]))
        return batch


@pytest.mark.parametrize(
    ("sizes", "epochs", "expected"),
    [
        ([0.5, 0.75, 1.0], 3, [(4, 5), (6, 8), (8, 10)]),
        ([0.5, 1.0], 5, [(4, 5), (4, 5), (4, 5), (8, 10), (8, 10)]),
        ([0.5, 0.75, 1.0], 1, [(4, 5)]),
        ([0.01], 1, [(1, 1)]),
    ],
)
def test_each_size_has_an_equal_part_of_the_epochs(tools, sizes, epochs, expected):
    seen = _Sizes()
    tools.fit([ProgressiveResizing(sizes=sizes), seen], epochs=epochs, images=True)
    assert seen.seen[::4] == seen.seen[3::4] == expected


def test_half_the_size_of_a_slope_is_the_slope_of_its_pixels_means():
    """Antialiased bilinear weights of a half: 1, 3, 3, 1 of 8, which keep a slope within the image."""
    slope = torch.arange(12.0).expand(1, 2, 12, 12)
    half = _resized(slope, 0.5)
    assert half.shape == (1, 2, 6, 6)
    expected = torch.tensor([(x * 2 + (x * 2 + 1)) / 2 for x in range(6)])
    torch.testing.assert_close(half[0, 0, 3, 1:-1], expected[1:-1])


def test_videos_are_resized_frame_by_frame():
    video = torch.randn(2, 3, 5, 8, 10)
    small = _resized(video, 0.5)
    assert small.shape == (2, 3, 5, 4, 5)
    torch.testing.assert_close(small[:, :, 2], _resized(video[:, :, 2], 0.5))


def test_full_size_is_neutral(tools):
    neutral, plain = (
        tools.fit(tricks, images=True).network for tricks in ([ProgressiveResizing(sizes=[1.0])], [])
    )
    assert tools.equal(tools.copy_of(neutral), tools.copy_of(plain))


def test_it_mutates_nothing(images):
    trick, before = ProgressiveResizing(sizes=[0.5]), images.input.clone()
    trick._size = 0.5
    assert trick.edit_batch(images).target is images.target
    assert torch.equal(images.input, before)


def test_evaluation_is_at_full_size(tools):
    tools.edits_training_alone(ProgressiveResizing(sizes=[0.5]), images=True)


def test_a_resumed_fit_ends_where_an_uninterrupted_one_does(tools, tmp_path):
    tools.resumes(lambda: ProgressiveResizing(sizes=[0.5, 0.75, 1.0]), tmp_path, images=True)


def test_trying_the_sizes_leaves_the_network_as_it_is(tools):
    network = tools.make_image_network()
    network[1].eval()
    before, modes = tools.copy_of(network), [m.training for m in network.modules()]
    ProgressiveResizing(sizes=[0.5, 1.0])._try_sizes(network, Batch(torch.randn(4, 2, 8, 10), torch.zeros(4)))
    assert tools.equal(tools.copy_of(network), before)
    assert [m.training for m in network.modules()] == modes


def test_a_network_of_one_size_is_refused_before_the_first_step(tools):
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(144, 3))
    steps = tools.At("on_train_batch_end")
    with pytest.raises(
        ValueError,
        match=r"^the network must take images of other sizes, got Sequential, which takes \(8, 10\) and not \(4, 5\) .*$",
    ):
        tools.fit(
            [ProgressiveResizing(sizes=[1.0, 0.5])], network=network, images=True, callbacks=[steps], epochs=4
        )
    assert steps.seen == []


def test_inputs_that_are_no_images_are_refused(tools):
    with pytest.raises(ValueError, match=r"^inputs must be images .*$"):
        tools.fit([ProgressiveResizing(sizes=[0.5])])


@pytest.mark.parametrize("sizes", [[], [0.0], [0.5, 1.5], [float("nan")]])
def test_bad_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match=r"^sizes must be in \(0, 1\], got .*; \[1.0\] switches it off$"):
        ProgressiveResizing(sizes=sizes)
