"""What is found in a folder: names of any bytes, links without circles, and only what is asked for."""

import os

import pytest
from image_folders import index

from picture_samples import class_folders, encoded, picture, write
from podium.data.image_scan import scan_images

pytestmark = pytest.mark.usefixtures("cache")


def test_names_that_are_no_text_and_have_line_breaks_are_kept(tmp_path):
    root = tmp_path / "root"
    odd = [b"a/caf\xe9.jpg", b"a/two\nlines.jpg", "a/Ärger 猫.jpg".encode()]
    for name in odd:
        write(root / os.fsdecode(name), encoded(picture()))
    for _ in range(2):
        scan, known = index(root)
        assert scan.names == sorted(odd)
        assert known.problem == [""] * 3


def test_links_are_followed_but_not_in_circles_and_dangling_ones_are_bad(tmp_path):
    root = class_folders(tmp_path / "root", {"a": 1})
    class_folders(tmp_path / "elsewhere", {"b": 2})
    (root / "b").symlink_to(tmp_path / "elsewhere" / "b")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self.jpg").symlink_to(root / "a" / "0.jpg")
    (root / "a" / "gone.jpg").symlink_to(root / "nowhere.jpg")
    scan, known = index(root)
    assert scan.names == [b"a/0.jpg", b"a/gone.jpg", b"a/self.jpg", b"b/0.jpg", b"b/1.jpg"]
    assert known.problem == ["", "cannot be read: No such file or directory", "", "", ""]
    (root / "nowhere.jpg").write_bytes(encoded(picture()))
    assert index(root)[1].problem[1] == ""


def test_only_what_is_asked_for_is_looked_through(tmp_path):
    root = class_folders(tmp_path, {"train/a": 2, "val/a": 1, "other/a": 3})
    assert index(root, ["train", "val"])[0].names == [b"train/a/0.jpg", b"train/a/1.jpg", b"val/a/0.jpg"]
    with pytest.raises(
        ValueError, match=r"^.*/nothing must be a folder to read, got No such file.*; set data.root$"
    ):
        scan_images(root, below=["nothing"])
