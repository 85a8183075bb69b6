"""Pictures that are decoded while they are read: by the quicker of two libraries, and beside other threads."""

import threading
import time
import zlib

import numpy as np
import pytest
from image_folders import index
from PIL import Image

from picture_samples import encoded, picture, write
from podium.data import crops as module
from podium.data import image_inputs
from podium.data.image_file import in_channels, read_image
from podium.data.image_inputs import FilePictures, plain_jpeg

pytestmark = pytest.mark.usefixtures("cache")


def files(root):
    scan, known = index(root)
    assert not any(known.problem)
    plain = plain_jpeg(scan.names, known.note)
    return FilePictures(root, scan.names, extent=known.extent, plain=plain), [n.decode() for n in scan.names]


KINDS = {
    "colour.jpg": {"quality": 90},
    "full.JPEG": {"quality": 95, "subsampling": 0},
    "half.jpeg": {"quality": 60, "subsampling": 1},
    "progressive.jpg": {"progressive": True},
    "rough.jpg": {"quality": 5},
}


def test_ordinary_jpeg_is_decoded_to_pillows_pixels_by_another_library(tmp_path, monkeypatch):
    for number, (name, options) in enumerate(KINDS.items()):
        write(tmp_path / name, encoded(picture(number, width=61 + number, height=47), **options))
    write(tmp_path / "grey.jpg", encoded(picture().convert("L")))
    pictures, names = files(tmp_path)
    assert pictures.plain.all()
    expected = {}
    for name in names:
        image, _ = read_image((tmp_path / name).read_bytes(), suffix=".jpg")
        expected[name] = np.asarray(in_channels(image, 3))
    monkeypatch.setattr(image_inputs, "read_image", None)
    for number, name in enumerate(names):
        assert np.array_equal(pictures.original(number, channels=3), expected[name])


def test_what_pillow_has_to_convert_is_left_to_pillow(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    write(tmp_path / "turned.jpg", encoded(picture(), exif=turned))
    write(tmp_path / "cmyk.jpg", encoded(picture(1).convert("CMYK")))
    write(tmp_path / "misnamed.jpg", encoded(picture(2), "PNG"))
    write(tmp_path / "plain.png", encoded(picture(3), "PNG"))
    pictures, names = files(tmp_path)
    assert not pictures.plain.any()
    for number, name in enumerate(names):
        image, _ = read_image((tmp_path / name).read_bytes(), suffix=name[-4:])
        assert np.array_equal(pictures.original(number, channels=3), np.asarray(image))


def test_a_jpeg_that_was_spoilt_after_the_check_is_named_in_one_line(tmp_path):
    write(tmp_path / "some.jpg", encoded(picture(width=200, height=200)))
    pictures, _ = files(tmp_path)
    (tmp_path / "some.jpg").write_bytes((tmp_path / "some.jpg").read_bytes()[:900])
    with pytest.raises(
        ValueError, match=r"^some.jpg must be the image that was checked, got .*; restore it.*$"
    ):
        pictures.original(0, channels=3)


def ticks(work):
    """How often another thread of Python had its turn while this works, apart from its beginning and end."""
    seen, over = [], threading.Event()

    def look():
        while not over.is_set():
            seen.append(time.perf_counter())
            time.sleep(0.0005)

    thread = threading.Thread(target=look)
    thread.start()
    began = time.perf_counter()
    work()
    ended = time.perf_counter()
    over.set()
    thread.join()
    edge = (ended - began) / 5
    return sum(began + edge < moment < ended - edge for moment in seen)


def test_decoding_resizing_and_checksums_leave_pythons_lock_to_other_threads(tmp_path):
    large = np.random.RandomState(0).randint(0, 256, (2400, 3200, 3)).astype(np.uint8)
    write(tmp_path / "large.jpg", Image.fromarray(large))
    pictures, _ = files(tmp_path)
    content = np.tile(large.ravel(), 8)
    assert ticks(lambda: pictures.original(0, channels=3)) > 0
    assert ticks(lambda: module._scaled(large, 2300, 3100)) > 0
    assert ticks(lambda: zlib.crc32(content.data)) > 0
    assert ticks(lambda: sum(range(5_000_000))) == 0  # which holds it
