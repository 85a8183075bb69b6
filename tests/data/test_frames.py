import numpy as np
import pytest

from picture_samples import class_folders, picture, videos, write

SMALL = {"num_classes": 2, "batch_size": 4, "images": {"resize": 10}}


@pytest.fixture
def build(compose_data):
    def make(root, *, frames=4, **changes):
        return compose_data("frames", root=root, shape=[3, frames, 8, 8], **SMALL | changes)

    return make


@pytest.fixture
def root(tmp_path):
    return videos(tmp_path / "root")


def numbers(source):
    """The numbers of the frames that are seen, of every example."""
    green = source.inputs[np.arange(len(source.labels))][:, 1, :, 0, 0]
    return (green // 10).tolist()


@pytest.mark.parametrize(
    ("frames", "seen"),
    [(1, [6]), (2, [3, 9]), (4, [1, 4, 7, 10]), (12, list(range(12))), (24, [k // 2 for k in range(24)])],
)
def test_frames_are_evenly_spaced_in_the_order_of_their_numbers(build, root, frames, seen):
    """frame10 comes after frame9, although its name comes before frame2."""
    assert numbers(build(root, frames=frames).load()) == [seen] * 30


def test_a_video_is_one_example_of_one_class(build, root):
    data = build(root)
    source = data.load()
    assert data.class_names == ["jump", "run"]
    assert source.labels.tolist() == [0] * 15 + [1] * 15
    pixels = source.inputs[np.arange(30)]
    assert pixels.shape == (30, 3, 4, 8, 8)
    assert set(pixels[:15, 2].ravel()) == {0}
    assert set(pixels[15:, 2].ravel()) == {100}
    assert all(len(np.unique(video[0])) == 1 for video in pixels)  # no frame of another video
    assert sum(data.fingerprint().sizes.values()) == 30


def test_published_splits_and_deeper_folders_are_found(build, tmp_path):
    videos(tmp_path / "train", count=6)
    videos(tmp_path / "test", count=2)
    (tmp_path / "train" / "run" / "more").mkdir()
    (tmp_path / "train" / "run" / "v5").rename(tmp_path / "train" / "run" / "more" / "v5")
    source = build(tmp_path, split={"test": None}).load()
    assert (len(source.labels), source.test_start) == (16, 12)
    assert numbers(source) == [[1, 4, 7, 10]] * 16


def test_frames_that_cannot_be_read_are_left_out_and_the_others_are_spaced_anew(build, root):
    for frame in (0, 1, 2, 3):
        write(root / "run" / "v3" / f"frame{frame}.png", b"")
    with pytest.raises(ValueError, match=r"got 4 of 360 that are not: run/v3/frame0.png: empty file; "):
        build(root).load()
    found = numbers(build(root, images={"resize": 10, "bad_files": "skip"}).load())
    assert found.count([5, 7, 9, 11]) == 1
    assert found.count([1, 4, 7, 10]) == 29


def test_frames_outside_a_video_and_two_dimensions_are_refused_in_one_line(build, root, compose_data):
    with pytest.raises(
        Exception, match=r"shape must be \[channels,frames,height,width\], got \[3, 8, 8\]; set data.shape"
    ):
        compose_data("frames", root=root, shape=[3, 8, 8])
    write(root / "run" / "loose.jpg", picture())
    message = (
        r"^every frame in .* must lie in the folder of its video in that of its class, got run/loose.jpg; .*$"
    )
    with pytest.raises(ValueError, match=message):
        build(root).load()
    (root / "run" / "loose.jpg").unlink()
    class_folders(root, {"sit/v0": 3})
    with pytest.raises(ValueError, match=r"^num_classes must be 3, .*$"):
        build(root).load()
