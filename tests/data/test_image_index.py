import hashlib
import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from image_folders import index
from PIL import Image

from picture_samples import class_folders, encoded, names, picture, png, write
from podium.data import image_index
from podium.data.image_file import Note

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that were opened and decoded, in any order."""
    seen = []
    honest = image_index._check

    def check(root, name):
        seen.append(os.fsdecode(name))
        return honest(root, name)

    monkeypatch.setattr(image_index, "_check", check)
    return seen


def test_every_image_is_known_by_hash_size_note_and_problem(tmp_path):
    root = tmp_path / "root"
    write(root / "b" / "photo.JPG", encoded(picture(width=50, height=20)))
    write(root / "a" / "deep" / "er" / "grey.png", encoded(picture().quantize(8), "PNG"))
    write(root / "a" / "empty.gif", b"")
    write(root / "a" / "notes.txt", b"no image")
    write(root / "a" / ".hidden.png", b"no image")
    write(root / ".podium" / "hidden.png", b"no image")
    scan, known = index(root)
    assert scan.names == [b"a/deep/er/grey.png", b"a/empty.gif", b"b/photo.JPG"]
    assert scan.folders == [b"a", b"a/deep", b"a/deep/er", b"b"]
    assert scan.others == 1
    files = [root / os.fsdecode(name) for name in scan.names]
    assert [row.tobytes() for row in known.sha256] == [
        hashlib.sha256(file.read_bytes()).digest() for file in files
    ]
    assert scan.size.tolist() == [file.stat().st_size for file in files]
    assert known.extent.tolist() == [[40, 30], [0, 0], [50, 20]]
    assert known.note.tolist() == [Note.PALETTE, 0, 0]
    assert known.problem == ["", "empty file", ""]


def test_the_second_time_no_file_is_opened(tmp_path, opened):
    root = class_folders(tmp_path, {"a": 5, "b": 4})
    write(root / "a" / "bad.jpg", b"")
    first = index(root)
    assert len(opened) == 10
    again = index(root)
    assert len(opened) == 10
    for ours, theirs in zip(first[1], again[1], strict=True):
        assert np.array_equal(ours, theirs)


def test_only_new_and_changed_files_are_checked_and_removed_ones_are_dropped(tmp_path, opened):
    root = class_folders(tmp_path, {"a": 5})
    index(root)
    opened.clear()
    write(root / "a" / "2.jpg", picture(99))  # in place
    write(root / "a" / "0new.jpg", picture(98))
    (root / "a" / "4.jpg").unlink()
    (root / "a" / "3.jpg").rename(root / "a" / "9.jpg")
    scan, known = index(root)
    assert sorted(opened) == ["a/0new.jpg", "a/2.jpg", "a/9.jpg"]
    assert scan.names == [b"a/0.jpg", b"a/0new.jpg", b"a/1.jpg", b"a/2.jpg", b"a/9.jpg"]
    for name, row in zip(scan.names, known.sha256, strict=True):
        assert row.tobytes() == hashlib.sha256((root / os.fsdecode(name)).read_bytes()).digest()


@pytest.mark.parametrize("what", ["size", "time"])
def test_a_change_of_size_or_of_time_alone_is_enough(tmp_path, opened, what):
    root = class_folders(tmp_path, {"a": 2})
    index(root)
    opened.clear()
    file = root / "a" / "1.jpg"
    stamp = file.stat()
    file.write_bytes(file.read_bytes() + (b"more" if what == "size" else b""))
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + (1 if what == "time" else 0)))
    index(root)
    assert opened == ["a/1.jpg"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-100],
        lambda content: content[:50],
        lambda content: (
            content[: len(content) // 2]
            + bytes([content[len(content) // 2] ^ 1])
            + content[len(content) // 2 + 1 :]
        ),
        lambda content: b"\x80\x04N.",
    ],
    ids=["empty", "cut", "head", "one bit", "pickle"],
)
def test_a_damaged_index_is_reported_and_made_again(tmp_path, opened, caplog, damage):
    root = class_folders(tmp_path, {"a": 6})
    first = index(root)[1]
    kept = root / ".podium" / "some.npz"
    kept.write_bytes(damage(kept.read_bytes()))
    again = index(root)[1]
    assert np.array_equal(first.sha256, again.sha256)
    assert len(opened) == 12
    assert caplog.messages[0].startswith(f"{kept} was damaged (")
    caplog.clear()
    index(root)
    assert len(opened) == 12
    assert not caplog.messages


def test_an_index_of_another_version_is_made_again(tmp_path, opened, caplog, monkeypatch):
    root = class_folders(tmp_path, {"a": 2})
    index(root)
    monkeypatch.setattr(image_index, "VERSION", image_index.VERSION + 1)
    index(root)
    assert len(opened) == 4
    assert "is of another version" in caplog.text


def test_an_interrupted_check_keeps_what_it_did(tmp_path, opened, monkeypatch):
    root = class_folders(tmp_path, {"a": 12})
    monkeypatch.setattr(image_index, "CHUNK", 2)
    monkeypatch.setattr(image_index, "cpus", lambda: 1)
    honest = image_index._check

    def interrupt(root, name):
        if name == b"a/6.jpg":
            raise KeyboardInterrupt
        return honest(root, name)

    with monkeypatch.context() as patch:
        patch.setattr(image_index, "_check", interrupt)
        with pytest.raises(KeyboardInterrupt):
            index(root)
    done = len(opened)
    assert done >= 6
    opened.clear()
    _, known = index(root)
    assert "a/0.jpg" not in opened
    assert len(opened) < 12
    assert known.sha256.any(axis=1).all()


def test_the_index_is_written_whole_or_not_at_all(tmp_path, monkeypatch, opened):
    root = class_folders(tmp_path, {"a": 3})
    index(root)
    write(root / "a" / "new.jpg", picture(9))
    before = (root / ".podium" / "some.npz").read_bytes()

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("podium.records.files.os.fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            index(root)
    assert (root / ".podium" / "some.npz").read_bytes() == before
    assert names(root / ".podium") == ["some.npz"]


def read_only(monkeypatch, *folders):
    """Folders that cannot be written, also for a superuser."""
    honest = image_index.write_atomically

    def write_elsewhere(path, content):
        if any(path.is_relative_to(folder) for folder in folders):
            raise PermissionError(13, "Permission denied", str(path))
        honest(path, content)

    monkeypatch.setattr(image_index, "write_atomically", write_elsewhere)


def test_the_index_of_a_folder_that_cannot_be_written_is_in_the_users_cache(
    tmp_path, monkeypatch, cache, opened
):
    root = class_folders(tmp_path / "images", {"a": 3})
    read_only(monkeypatch, root)
    index(root)
    index(root)
    assert len(opened) == 3
    assert not (root / ".podium").exists()
    assert len(names(cache)) == 1


def test_an_index_that_can_be_kept_nowhere_is_said_and_does_no_harm(tmp_path, monkeypatch, cache, caplog):
    root = class_folders(tmp_path / "images", {"a": 3})
    read_only(monkeypatch, root, cache)
    assert index(root)[1].problem == [""] * 3
    assert caplog.messages == [
        f"the index of {root} cannot be kept anywhere; its images are checked at every start"
    ]


def test_what_could_not_be_read_is_tried_again(tmp_path, monkeypatch):
    root = class_folders(tmp_path, {"a": 3})
    with monkeypatch.context() as patch:
        patch.setattr(
            image_index, "_check", lambda *_: (bytes(32), (0, 0), 0, "cannot be read: Input/output error")
        )
        assert all(index(root)[1].problem)
    assert not any(index(root)[1].problem)


def test_pillows_warnings_do_not_reach_the_user(tmp_path, recwarn):
    write(tmp_path / "a" / "bomb.png", png(10000, 10000))
    assert "more than Pillow's limit" in index(tmp_path)[1].problem[0]
    assert not recwarn.list


def test_the_progress_of_checking_is_shown_on_a_terminal(tmp_path, monkeypatch):
    bars = []
    honest = image_index.tqdm

    def bar(*words, **options):
        bars.append(honest(*words, **options | {"disable": False, "file": (tmp_path / "screen").open("w")}))
        return bars[-1]

    monkeypatch.setattr(image_index, "tqdm", bar)
    index(class_folders(tmp_path / "root", {"a": 70}))
    assert (bars[0].n, bars[0].total) == (70, 70)
    assert "checking images: 100%" in (tmp_path / "screen").read_text()


def million(root: Path, count: int) -> Path:
    """Many names of few files: hard links cost no space."""
    write(root / "source.png", encoded(Image.new("L", (2, 2)), "PNG"))
    for folder in range(-(-count // 1000)):
        (root / f"c{folder % 10}" / f"{folder}").mkdir(parents=True)
        for number in range(min(1000, count - 1000 * folder)):
            os.link(root / "source.png", root / f"c{folder % 10}" / f"{folder}" / f"{number}.png")
    (root / "source.png").unlink()
    return root


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_20000_images_start_in_a_second_the_second_time(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    root = million(tmp_path, 20_000)
    start = time.monotonic()
    first = index(root)[1]
    checked = time.monotonic() - start
    start = time.monotonic()
    again = index(root)[1]
    looked = time.monotonic() - start
    assert np.array_equal(first.sha256, again.sha256)
    print(f"20,000 images: checked in {checked:.1f} s, then {looked:.2f} s")
    assert looked < min(3, checked / 2)
