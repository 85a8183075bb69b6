import numpy as np
import pytest

from picture_samples import cats_vs_dogs, class_folders, picture, write

SMALL = {"shape": [3, 16, 16], "batch_size": 8, "images": {"resize": 20}}


@pytest.fixture
def build(compose_data, tmp_path):
    def make(**changes):
        return compose_data("cats_vs_dogs", root=tmp_path, **SMALL | changes)

    return make


def test_kaggles_names_say_the_class(build, tmp_path):
    cats_vs_dogs(tmp_path)
    data = build()
    source = data.load()
    assert data.class_names == ["cat", "dog"]
    assert source.labels.tolist() == [0] * 15 + [1] * 15
    assert data.fingerprint().sizes == {"train": 22, "validation": 2, "test": 6}


def test_the_test_photographs_of_kaggle_have_no_class_and_are_left_alone(build, tmp_path):
    class_folders(cats_vs_dogs(tmp_path), {"test": 3, "test1": 3})
    assert len(build().load().labels) == 30


def test_the_lectures_folders_are_a_published_split(build, tmp_path):
    folders = {"train/cats": 10, "train/dogs": 10, "validation/cats": 3, "validation/dogs": 4}
    class_folders(tmp_path / "cats_vs_dogs", folders)
    source = build(split={"test": None}).load()
    assert source.test_start == 20
    assert source.labels.tolist() == [0] * 10 + [1] * 10 + [0] * 3 + [1] * 4


def test_microsofts_folders_have_no_split(build, tmp_path):
    class_folders(tmp_path / "cats_vs_dogs", {"Cat": 10, "Dog": 10})
    source = build().load()
    assert (source.test_start, np.bincount(source.labels).tolist()) == (None, [10, 10])


def test_a_folder_inside_the_root_that_says_cat_does_not_hide_the_dogs(build, tmp_path):
    """The root's own name is not looked at, and a word that begins like cat says nothing."""
    write(cats_vs_dogs(tmp_path) / "train" / "catalogue.jpg", picture())
    with pytest.raises(
        ValueError, match=r"^every image in .* must be named as a cat or a dog, .* got train/catalogue"
    ):
        build().load()


def test_missing_photographs_and_a_missing_class_are_refused_in_one_line(build, tmp_path):
    with pytest.raises(
        ValueError, match=r"^cats_vs_dogs must be in .*, got no such folder; unpack train.zip .*$"
    ):
        build().load()
    for file in cats_vs_dogs(tmp_path).glob("train/dog*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"^every class in .* must hold an image, got none in dog; .*$"):
        build().load()
