from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from podium.visualize.neighbours import neighbours_grid


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour_images_are_drawn_with_the_same_bytes_each_time(
    tmp_path: Path, channels: int
) -> None:
    images = np.random.default_rng(0).normal(size=(2, 4, channels, 8, 8))
    labels = [["3", "3", "8", "3"], ["cat", "cat", "dog", "cat"]]
    for name in "ab":
        neighbours_grid(images, labels, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    neighbours_grid(images, [["3"] * 4, ["cat"] * 4], tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "a.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "a.png").std() > 0.05


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^images must be grey or colour and have a label each, got \(1, 2, 2, 8, 8\)"
    ):
        neighbours_grid(np.zeros((1, 2, 2, 8, 8)), [["a", "b"]], tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"labels$"):
        neighbours_grid(np.zeros((1, 2, 1, 8, 8)), [["a"]], tmp_path / "a.png")
