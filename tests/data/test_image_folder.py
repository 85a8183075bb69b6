import json
import logging
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from picture_samples import class_folders, encoded, picture, png, write
from podium.data import images
from podium.data.image_file import read_image
from podium.data.images import Images

SMALL = {"shape": [3, 16, 20], "batch_size": 8, "images": {"resize": 20}}
PUBLISHED = {"split": {"test": None}}
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def build(compose_data):
    def make(root, *, num_classes=2, **changes):
        return compose_data("image_folder", root=root, num_classes=num_classes, **SMALL | changes)

    return make


@pytest.fixture
def root(tmp_path):
    return class_folders(tmp_path / "root", {"dog": 12, "cat": 18})


def all_inputs(data, split):
    return torch.cat([batch.input for batch in loader(data, split)])


def loader(data, split):
    return {"train": data.train_dataloader, "validation": data.val_dataloader, "test": data.test_dataloader}[
        split
    ]()


def test_classes_are_folders_in_the_order_of_their_names(build, root):
    data = build(root)
    source = data.load()
    assert data.class_names == ["cat", "dog"]
    assert source.labels.tolist() == [0] * 18 + [1] * 12
    assert source.test_start is None
    assert data.fingerprint().sizes == {"train": 22, "validation": 2, "test": 6}
    image, _ = read_image((root / "cat" / "0.jpg").read_bytes(), suffix=".jpg")
    assert np.array_equal(source.inputs[np.array([0])][0].transpose(1, 2, 0), images_fit(image))


def images_fit(image):
    from podium.data.image_inputs import fit

    return np.asarray(fit(image, height=16, width=20, resize=20))


def test_what_a_network_sees_is_scaled_and_comes_in_batches(build, root):
    data = build(root)
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
def test_a_published_split_is_found_by_its_folders(build, tmp_path, caplog, folders, sizes, log):
    data = build(class_folders(tmp_path / "root", folders), **PUBLISHED)
    assert tuple(data.fingerprint().sizes.values()) == sizes
    assert caplog.messages == ([log] if log else [])


def test_images_lie_at_any_depth_and_have_any_case(build, root):
    write(root / "cat" / "more" / "of" / "them.PNG", encoded(picture(99), "PNG"))
    write(root / "dog" / "x.JpEg", encoded(picture(98)))
    assert np.bincount(build(root).load().labels).tolist() == [19, 13]


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
    build, tmp_path, monkeypatch, folders, num_classes, message
):
    monkeypatch.setattr("podium.data.image_index._check", None)
    data = build(class_folders(tmp_path / "root", folders), num_classes=num_classes)
    with pytest.raises(ValueError, match=f"^{message}$") as error:
        data.fingerprint()
    assert "\n" not in str(error.value)


def test_a_folder_that_is_missing_or_empty_is_refused_in_one_line(build, tmp_path):
    with pytest.raises(
        ValueError, match=r"^.*nowhere must be a folder to read, got No such file.*; set data.root$"
    ):
        build(tmp_path / "nowhere").load()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"^.*empty must hold images, got none in it; set data.root to .*$"):
        build(tmp_path / "empty").load()


BAD = {
    "a_text.jpg": b"no image",
    "b_empty.png": b"",
    "c_cut.jpg": encoded(picture())[:300],
    "d_bomb.png": png(20000, 20000),
    "e_animated.gif": encoded(picture(), "GIF", save_all=True, append_images=[picture(1)]),
}


@pytest.fixture
def spoilt(root):
    for name, content in BAD.items():
        write(root / "dog" / name, content)
    write(root / "cat" / "cmyk.jpg", encoded(picture(50).convert("CMYK")))
    write(root / "cat" / "palette.png", encoded(picture(51).quantize(8), "PNG"))
    write(root / "cat" / "thumbs.db", b"not looked at")
    return root


def test_bad_files_are_refused_by_name_before_the_first_step_and_all_are_listed(build, spoilt):
    with pytest.raises(ValueError, match=r"^every image below ") as error:
        build(spoilt).train_dataloader()
    message = str(error.value)
    assert "\n" not in message
    assert "got 5 of 37 that are not: dog/a_text.jpg: no image of JPEG" in message
    listed = f"{spoilt}/.podium/image_folder.txt"
    assert message.endswith(
        f"dog/e_animated.gif: 2 frames: animated; all are listed in {listed}; "
        "repair them, or set data.images.bad_files=skip"
    )
    lines = (spoilt / ".podium" / "image_folder.txt").read_text().splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        *[f"dog/{name}" for name in BAD],
        "cat/cmyk.jpg",
        "cat/palette.png",
    ]
    assert lines[-2:] == [
        "converted: cat/cmyk.jpg: CMYK or other colours made RGB",
        "converted: cat/palette.png: palette made RGB",
    ]


def test_an_error_names_ten_files_and_counts_the_others(build, root):
    for number in range(30):
        write(root / "cat" / f"bad{number}.jpg", b"")
    with pytest.raises(ValueError, match=r"got 30 of 60 that are not: ") as error:
        build(root).load()
    assert str(error.value).count("empty file") == 10
    assert (root / ".podium" / "image_folder.txt").read_text().count("empty file") == 30


def test_skipped_files_are_counted_aloud_and_part_of_the_fingerprint(build, spoilt, caplog):
    skipping = {"images": {"resize": 20, "bad_files": "skip"}}
    data = build(spoilt, **skipping)
    assert len(data.load().labels) == 32
    assert caplog.messages[0] == f"1 files below {spoilt} are not named as images and not looked at"
    assert (
        "2 of 37 images are converted (1 CMYK or other colours made RGB, 1 palette made RGB); they are"
        in caplog.messages[1]
    )
    assert caplog.messages[2].startswith("5 of 37 images are left out: dog/a_text.jpg: no image of JPEG")
    with_them = data.fingerprint()
    for name in BAD:
        (spoilt / "dog" / name).unlink()
    without = build(spoilt, **skipping).fingerprint()
    assert without.content != with_them.content
    assert (without.split, without.test_labels) == (with_them.split, with_them.test_labels)


def test_a_class_whose_files_are_all_bad_is_empty(build, root):
    write(root / "eel" / "only.jpg", b"")
    with pytest.raises(ValueError, match=r"^every class in .* must hold an image, got none in eel; .*$"):
        build(root, num_classes=3, images={"resize": 20, "bad_files": "skip"}).load()


def test_the_content_hash_knows_names_classes_and_bytes_and_not_the_place(build, tmp_path):
    def content(root, **changes):
        return build(root, **changes).fingerprint().content

    one = class_folders(tmp_path / "one", {"cat": 8, "dog": 8})
    two = class_folders(tmp_path / "two", {"cat": 8, "dog": 8})
    assert content(one) == content(two) == content(two, images={"resize": 30, "in_memory": "never"})
    (two / "cat" / "0.jpg").rename(two / "cat" / "00.jpg")
    renamed = content(two)
    (two / "cat" / "00.jpg").rename(two / "dog" / "00.jpg")
    moved = content(two)
    with (one / "cat" / "0.jpg").open("ab") as file:
        file.write(b"x")
    assert len({content(one), renamed, moved, build(one).fingerprint().split}) == 4


def test_a_checksum_accepts_one_content_alone(build, root):
    found = build(root).fingerprint().content
    build(root, checksum=found).fingerprint()
    write(root / "cat" / "0.jpg", picture(77))
    with pytest.raises(
        ValueError, match=rf"^image_folder must have the checksum {found}, got [0-9a-f]{{64}}; .*$"
    ):
        build(root, checksum=found).fingerprint()


def test_decoded_images_are_kept_if_they_fit_and_the_batches_are_the_same(build, root, monkeypatch):
    batches = {}
    for in_memory in ("always", "never", "auto"):
        data = build(root, images={"resize": 20, "in_memory": in_memory})
        assert (data.load().inputs._pixels is None) == (in_memory == "never")
        for epoch in range(2):
            of = data.train_dataloader()
            of.set_epoch(epoch)
            batches[in_memory, epoch] = torch.cat([batch.input for batch in of])
    for (_, epoch), found in batches.items():
        assert torch.equal(found, batches["always", epoch])
    assert not torch.equal(batches["never", 0], batches["never", 1])
    monkeypatch.setattr(images, "AUTO_BYTES", 30 * 3 * 16 * 20 - 1)
    assert build(root).load().inputs._pixels is None
    monkeypatch.setattr(images, "AUTO_BYTES", 30 * 3 * 16 * 20)
    assert build(root).load().inputs._pixels is not None


def test_batches_do_not_depend_on_the_number_of_threads(build, root, monkeypatch):
    found = []
    for threads in (1, 5):
        monkeypatch.setattr(images, "cpus", lambda threads=threads: threads)
        found.append(all_inputs(build(root, images={"resize": 20, "in_memory": "never"}), "train"))
    assert torch.equal(*found)


@pytest.mark.parametrize("how", ["channel", "pixel"])
def test_training_images_are_standardised_although_they_are_not_in_memory(build, root, how):
    train = all_inputs(build(root, view={"standardize": how}), "train").double()
    axes = (0,) if how == "pixel" else (0, 2, 3)
    assert train.mean(axes).abs().max() < 1e-4
    assert (train.std(axes, correction=0) - 1).abs().max() < 1e-4


def test_imagenets_moments_are_those_of_published_weights(build, root):
    from torchvision.models import ResNet18_Weights

    preset = ResNet18_Weights.IMAGENET1K_V1.transforms()
    plain, seen = (all_inputs(build(root, view={"standardize": how}), "test") for how in ("none", "imagenet"))
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (preset.mean, preset.std))
    assert torch.allclose(seen, (plain - mean) / deviation, atol=1e-6)
    with pytest.raises(
        ValueError,
        match=r"^standardize must be .*, got imagenet for \[1, 16, 20\]; .*$",
    ):
        build(root, shape=[1, 16, 20], view={"standardize": "imagenet"}).train_dataloader()


def test_copies_of_one_file_are_never_torn_apart_by_a_split(build, tmp_path):
    root = class_folders(tmp_path / "root", {"cat": 20, "dog": 20})
    for kind in ("cat", "dog"):
        for number in range(20):
            write(root / kind / f"copy{number}.jpg", (root / kind / f"{number}.jpg").read_bytes())
    data = build(root)
    assert leaks(data) == 0
    data = build(root)
    ungrouped = data.load()._replace(groups=None)  # the protection switched off
    data.load = lambda: ungrouped
    assert leaks(data) > 5


def leaks(data):
    """Examples for testing or validation whose very pixels are for training too."""
    held = torch.cat([all_inputs(data, split) for split in ("validation", "test")]).flatten(1)
    train = {row.numpy().tobytes() for row in all_inputs(data, "train").flatten(1)}
    return sum(row.numpy().tobytes() in train for row in held)


def test_test_images_that_are_for_training_too_are_counted_aloud(build, tmp_path, caplog):
    root = class_folders(tmp_path / "root", {"train/a": 9, "train/b": 9, "test/a": 3, "test/b": 3})
    write(root / "test" / "a" / "again.jpg", (root / "train" / "b" / "3.jpg").read_bytes())
    build(root, **PUBLISHED).fingerprint()
    assert caplog.messages == ["1 test examples are also for training, file by file the same"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": [4, 16, 16]}, r"shape must have 1 or 3 channels, got \[4, 16, 16\]; .*"),
        ({"shape": [3, 4, 16, 16]}, r"shape must be \[channels,height,width\], got \[3, 4, 16, 16\]; .*"),
        (
            {"shape": [3, 16, 21]},
            r"resize must be at least the larger side .*, got 20; set data.images.resize=21",
        ),
        ({"images": {"bad_files": "hide"}}, "bad_files must be refuse or skip, got hide; .*"),
        ({"images": {"in_memory": "maybe"}}, "in_memory must be auto, always or never, got maybe; .*"),
    ],
)
def test_options_that_do_not_fit_are_refused(build, root, change, message):
    with pytest.raises(Exception, match=message) as error:
        build(root, **change)
    assert isinstance(error.value.__cause__ or error.value, ValueError)


def test_options_are_values_and_the_fingerprint_survives_json(build, root):
    same = {"resize": 20, "bad_files": "refuse", "in_memory": "auto"}
    assert Images(**same) == Images(**same)
    fingerprint = asdict(build(root).fingerprint())
    assert json.loads(json.dumps(fingerprint)) == fingerprint


def test_grey_images_serve_for_colour_and_the_reverse(build, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    root = tmp_path / "root"
    for number in range(20):
        write(root / "ab"[number % 2] / f"{number}.png", Image.new("L", (30, 30), 10 * number))
    colour, grey = all_inputs(build(root), "train"), all_inputs(build(root, shape=[1, 16, 20]), "train")
    assert torch.equal(colour, grey.expand(-1, 3, -1, -1))
    assert not caplog.messages
