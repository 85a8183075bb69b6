import numpy as np
import pytest
from PIL import Image

from podium.visualize.look import SEEN, _shown, look_grid

COUNTS = {"train": [6, 2], "validation": [2, 1], "test": [3, 3]}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("counts", [COUNTS, {}], ids=["classes", "none"])
def test_a_picture_is_drawn_and_has_the_same_bytes_again(tmp_path, channels, counts):
    images = np.random.RandomState(0).random_sample((2, 3, channels, 5, 4))
    words = (["before", "after", SEEN], ["cat", "dog"], counts, ["cat", "dog"])
    for name in ("a.png", "b.png"):
        look_grid(images, *words, tmp_path / name, note="pets: flip")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] > 500
    other = images.copy()
    other[0, 1] = 1 - other[0, 1]
    look_grid(other, *words, tmp_path / "c.png", note="pets: flip")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "c.png").read_bytes()


def test_values_are_on_one_scale_except_where_the_network_sees_them():
    image = np.array([[[0.25, 0.5], [1.5, -1.0]]])
    assert _shown(image, False).tolist() == [[0.25, 0.5], [1.0, 0.0]]
    assert _shown(image, True).tolist() == [[0.5, 0.6], [1.0, 0.0]]
    assert _shown(np.zeros((3, 2, 2)), True).shape == (2, 2, 3)


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"^images must be grey or colour and have a title for each column, got .*$"
    ):
        look_grid(np.zeros((2, 3, 2, 5, 4)), ["a"] * 3, ["x"] * 2, {}, [], tmp_path / "x.png", note="")
