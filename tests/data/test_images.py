"""The options of folders of images: bad files, memory, threads and sizes."""

import json
from dataclasses import asdict

import pytest
import torch
from image_folders import all_inputs

from picture_samples import encoded, picture, png, write
from podium.data import images
from podium.data.images import Images

pytestmark = pytest.mark.usefixtures("cache")
BAD = {
    "a_text.jpg": b"no image",
    "b_empty.png": b"",
    "c_cut.jpg": encoded(picture())[:300],
    "d_bomb.png": png(20000, 20000),
    "e_animated.gif": encoded(picture(), "GIF", save_all=True, append_images=[picture(1)]),
}


@pytest.fixture
def spoilt(photos):
    for name, content in BAD.items():
        write(photos / "dog" / name, content)
    write(photos / "cat" / "cmyk.jpg", encoded(picture(50).convert("CMYK")))
    write(photos / "cat" / "palette.png", encoded(picture(51).quantize(8), "PNG"))
    write(photos / "cat" / "thumbs.db", b"not looked at")
    return photos


def test_bad_files_are_refused_by_name_before_the_first_step_and_all_are_listed(build_folder, spoilt):
    with pytest.raises(ValueError, match=r"^every image below ") as error:
        build_folder(spoilt).train_dataloader()
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


def test_an_error_names_ten_files_and_counts_the_others(build_folder, photos):
    for number in range(30):
        write(photos / "cat" / f"bad{number}.jpg", b"")
    with pytest.raises(ValueError, match=r"got 30 of 60 that are not: ") as error:
        build_folder(photos).load()
    assert str(error.value).count("empty file") == 10
    assert (photos / ".podium" / "image_folder.txt").read_text().count("empty file") == 30


def test_skipped_files_are_counted_aloud_and_part_of_the_fingerprint(build_folder, spoilt, caplog):
    skipping = {"images": {"resize": 20, "bad_files": "skip"}}
    data = build_folder(spoilt, **skipping)
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
    without = build_folder(spoilt, **skipping).fingerprint()
    assert without.content != with_them.content
    assert (without.split, without.test_labels) == (with_them.split, with_them.test_labels)


def test_a_class_whose_files_are_all_bad_is_empty(build_folder, photos):
    write(photos / "eel" / "only.jpg", b"")
    with pytest.raises(ValueError, match=r"^every class in .* must hold an image, got none in eel; .*$"):
        build_folder(photos, num_classes=3, images={"resize": 20, "bad_files": "skip"}).load()


def test_decoded_images_are_kept_if_they_fit_and_the_batches_are_the_same(build_folder, photos, monkeypatch):
    batches = {}
    for in_memory in ("always", "never", "auto"):
        data = build_folder(photos, images={"resize": 20, "in_memory": in_memory})
        assert (data.load().inputs._pixels is None) == (in_memory == "never")
        for epoch in range(2):
            of = data.train_dataloader()
            of.set_epoch(epoch)
            batches[in_memory, epoch] = torch.cat([batch.input for batch in of])
    for (_, epoch), found in batches.items():
        assert torch.equal(found, batches["always", epoch])
    assert not torch.equal(batches["never", 0], batches["never", 1])
    monkeypatch.setattr(images, "AUTO_BYTES", 30 * 3 * 16 * 20 - 1)
    assert build_folder(photos).load().inputs._pixels is None
    monkeypatch.setattr(images, "AUTO_BYTES", 30 * 3 * 16 * 20)
    assert build_folder(photos).load().inputs._pixels is not None


def test_batches_do_not_depend_on_the_number_of_threads(build_folder, photos, monkeypatch):
    found = []
    for threads in (1, 5):
        monkeypatch.setattr(images, "cpus", lambda threads=threads: threads)
        found.append(all_inputs(build_folder(photos, images={"resize": 20, "in_memory": "never"}), "train"))
    assert torch.equal(*found)


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
def test_options_that_do_not_fit_are_refused(build_folder, photos, change, message):
    with pytest.raises(Exception, match=message) as error:
        build_folder(photos, **change)
    assert isinstance(error.value.__cause__ or error.value, ValueError)


def test_options_are_values_and_the_fingerprint_survives_json(build_folder, photos):
    same = {"resize": 20, "bad_files": "refuse", "in_memory": "auto"}
    assert Images(**same) == Images(**same)
    fingerprint = asdict(build_folder(photos).fingerprint())
    assert json.loads(json.dumps(fingerprint)) == fingerprint
