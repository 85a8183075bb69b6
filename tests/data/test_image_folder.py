import logging

import numpy as np
import pytest
import torch
from image_folders import all_inputs
from PIL import Image

from picture_samples import class_folders, encoded, picture, write
from podium.data.image_file import read_image

PUBLISHED = {"split": {"test": None}}
pytestmark = pytest.mark.usefixtures("cache")


def test_classes_are_folders_in_the_order_of_their_names(build_folder, photos):
    data = build_folder(photos)
    source = data.load()
    assert data.class_names == ["cat", "dog"]
    assert source.labels.tolist() == [0] * 18 + [1] * 12
    assert source.test_start is None
    assert data.fingerprint().sizes == {"train": 22, "validation": 2, "test": 6}
    image, _ = read_image((photos / "cat" / "0.jpg").read_bytes(), suffix=".jpg")
    assert np.array_equal(source.inputs[np.array([0])][0].transpose(1, 2, 0), images_fit(image))


def images_fit(image):
    from podium.data.image_inputs import fit

    return np.asarray(fit(image, height=16, width=20, resize=20))


def test_what_a_network_sees_is_scaled_and_comes_in_batches(build_folder, photos):
    data = build_folder(photos)
    train = all_inputs(data, "train")
    assert train.shape == (22, 3, 16, 20)
    assert train.dtype == torch.float32
    assert 0 <= train.min() < train.max() <= 1
    whole = data.load().inputs[data.examples("test").index.numpy()]
    assert torch.equal(all_inputs(data, "test"), torch.from_numpy(whole / np.float32(255)))


@pytest.mark.parametrize(
    ("folders", "sizes", "log"),
    [
        ({"train/cat": 12, "train/dog": 8, "val/cat": 3, "val/dog": 3}, (18, 2, 6), ""),
        ({"train/cat": 12, "train/dog": 8, "validation/cat": 3, "validation/dog": 2}, (18, 2, 5), ""),
        ({"train/cat": 12, "train/dog": 8, "test/cat": 3}, (18, 2, 3), ""),
        (
            {"train/cat": 12, "train/dog": 8, "val/cat": 5, "val/dog": 5, "test/cat": 3, "test/dog": 4},
            (27, 3, 7),
            "images in val are for training: validation is carved from these",
        ),
    ],
)
def test_a_published_split_is_found_by_its_folders(build_folder, tmp_path, caplog, folders, sizes, log):
    data = build_folder(class_folders(tmp_path / "root", folders), **PUBLISHED)
    assert tuple(data.fingerprint().sizes.values()) == sizes
    assert caplog.messages == ([log] if log else [])


def test_images_lie_at_any_depth_and_have_any_case(build_folder, photos):
    write(photos / "cat" / "more" / "of" / "them.PNG", encoded(picture(99), "PNG"))
    write(photos / "dog" / "x.JpEg", encoded(picture(98)))
    assert np.bincount(build_folder(photos).load().labels).tolist() == [19, 13]


@pytest.mark.parametrize(
    ("folders", "num_classes", "message"),
    [
        (
            {"a": 3, "b": 3, "c": 3},
            2,
            r"num_classes must be 3, the number of classes in .*, got 2; set data.num_classes=3",
        ),
        (
            {"a": 3, "b": 3, "c": 0},
            3,
            r"every class in .* must hold an image, got none in c; fill or remove .*",
        ),
        (
            {"train/a": 3, "train/b": 3, "test/a": 1, "test/z": 1},
            2,
            r"every class of the test split in .* must be for training too, got z; remove these, or .*",
        ),
        (
            {"train/a": 3, "train/b": 3, "train": 1, "val/a": 1},
            2,
            r"every image in .* must lie in .*, got train/0.jpg; .*",
        ),
        ({"": 2}, 2, r"every image in .* must lie in the folder of its class, got 0.jpg; move it there"),
    ],
)
def test_folders_that_are_wrong_are_refused_before_an_image_is_opened(
    build_folder, tmp_path, monkeypatch, folders, num_classes, message
):
    monkeypatch.setattr("podium.data.image_index._check", None)
    data = build_folder(class_folders(tmp_path / "root", folders), num_classes=num_classes)
    with pytest.raises(ValueError, match=f"^{message}$") as error:
        data.fingerprint()
    assert "\n" not in str(error.value)


def test_a_folder_that_is_missing_or_empty_is_refused_in_one_line(build_folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"^.*nowhere must be a folder to read, got No such file.*; set data.root$"
    ):
        build_folder(tmp_path / "nowhere").load()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"^.*empty must hold images, got none in it; set data.root to .*$"):
        build_folder(tmp_path / "empty").load()


def test_the_content_hash_knows_names_classes_and_bytes_and_not_the_place(build_folder, tmp_path):
    def content(root, **changes):
        return build_folder(root, **changes).fingerprint().content

    one = class_folders(tmp_path / "one", {"cat": 8, "dog": 8})
    two = class_folders(tmp_path / "two", {"cat": 8, "dog": 8})
    assert content(one) == content(two) == content(two, images={"resize": 30, "in_memory": "never"})
    (two / "cat" / "0.jpg").rename(two / "cat" / "00.jpg")
    renamed = content(two)
    (two / "cat" / "00.jpg").rename(two / "dog" / "00.jpg")
    moved = content(two)
    with (one / "cat" / "0.jpg").open("ab") as file:
        file.write(b"x")
    assert len({content(one), renamed, moved, build_folder(one).fingerprint().split}) == 4


def test_a_checksum_accepts_one_content_alone(build_folder, photos):
    found = build_folder(photos).fingerprint().content
    build_folder(photos, checksum=found).fingerprint()
    write(photos / "cat" / "0.jpg", picture(77))
    with pytest.raises(
        ValueError, match=rf"^image_folder must have the checksum {found}, got [0-9a-f]{{64}}; .*$"
    ):
        build_folder(photos, checksum=found).fingerprint()


@pytest.mark.parametrize("how", ["channel", "pixel"])
def test_training_images_are_standardised_although_they_are_not_in_memory(build_folder, photos, how):
    train = all_inputs(build_folder(photos, view={"standardize": how}), "train").double()
    axes = (0,) if how == "pixel" else (0, 2, 3)
    assert train.mean(axes).abs().max() < 1e-4
    assert (train.std(axes, correction=0) - 1).abs().max() < 1e-4


def test_imagenets_moments_are_those_of_published_weights(build_folder, photos):
    from torchvision.models import ResNet18_Weights

    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    plain, seen = (
        all_inputs(build_folder(photos, view={"standardize": how}), "test") for how in ("none", "imagenet")
    )
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (preset.mean, preset.std))
    assert torch.allclose(seen, (plain - mean) / deviation, atol=1e-6)
    with pytest.raises(
        ValueError,
        match=r"^standardize must be .*, got imagenet for \[1, 16, 20\]; .*$",
    ):
        build_folder(photos, shape=[1, 16, 20], view={"standardize": "imagenet"}).train_dataloader()


def test_copies_of_one_file_are_never_torn_apart_by_a_split(build_folder, tmp_path):
    root = class_folders(tmp_path / "root", {"cat": 20, "dog": 20})
    for kind in ("cat", "dog"):
        for number in range(20):
            write(root / kind / f"copy{number}.jpg", (root / kind / f"{number}.jpg").read_bytes())
    data = build_folder(root)
    assert leaks(data) == 0
    data = build_folder(root)
    ungrouped = data.load()._replace(groups=None)  # the protection switched off
    data.load = lambda: ungrouped
    assert leaks(data) > 5


def leaks(data):
    """Examples for testing or validation whose very pixels are for training too."""
    held = torch.cat([all_inputs(data, split) for split in ("validation", "test")]).flatten(1)
    train = {row.numpy().tobytes() for row in all_inputs(data, "train").flatten(1)}
    return sum(row.numpy().tobytes() in train for row in held)


def test_test_images_that_are_for_training_too_are_counted_aloud(build_folder, tmp_path, caplog):
    root = class_folders(tmp_path / "root", {"train/a": 9, "train/b": 9, "test/a": 3, "test/b": 3})
    write(root / "test" / "a" / "again.jpg", (root / "train" / "b" / "3.jpg").read_bytes())
    build_folder(root, **PUBLISHED).fingerprint()
    assert caplog.messages == ["1 test examples are also for training, file by file the same"]


def test_grey_images_serve_for_colour_and_the_reverse(build_folder, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    root = tmp_path / "root"
    for number in range(20):
        write(root / "ab"[number % 2] / f"{number}.png", Image.new("L", (30, 30), 10 * number))
    colour, grey = (
        all_inputs(build_folder(root), "train"),
        all_inputs(build_folder(root, shape=[1, 16, 20]), "train"),
    )
    assert torch.equal(colour, grey.expand(-1, 3, -1, -1))
    assert not caplog.messages
