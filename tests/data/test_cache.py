import logging

import numpy as np
import pytest

from podium.data.arrays import content_hash
from podium.data.cache import cached


@pytest.fixture
def maker(make_source):
    """Makes one source and counts how often."""

    class Maker:
        source = make_source(50, published=40)
        calls = 0

        def __call__(self):
            self.calls += 1
            return self.source

        @property
        def checksum(self):
            return content_hash(self.source)

    return Maker()


def test_a_source_is_made_once_and_then_read(tmp_path, maker):
    path = tmp_path / "new" / "kept.npz"
    first = cached(path, checksum=maker.checksum, make=maker)
    again = cached(path, checksum=maker.checksum, make=maker)
    assert maker.calls == 1
    assert content_hash(first) == content_hash(again) == maker.checksum
    assert again.test_start == 40
    assert [file.name for file in path.parent.iterdir()] == ["kept.npz"]


def test_no_published_test_split_stays_none(tmp_path, maker):
    maker.source = maker.source._replace(test_start=None)
    for _ in range(2):
        assert cached(tmp_path / "kept.npz", checksum=maker.checksum, make=maker).test_start is None
    assert maker.calls == 1


def flip_a_bit(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda c: c[:-100],
        lambda c: c[:100],
        flip_a_bit,
        lambda _: b"\x80\x04N.",
        lambda _: b"PK",
    ],
    ids=["empty", "truncated", "head only", "one bit", "pickle", "no zip"],
)
def test_a_damaged_file_is_reported_removed_and_made_again(tmp_path, maker, caplog, damage):
    path = tmp_path / "kept.npz"
    cached(path, checksum=maker.checksum, make=maker)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    with caplog.at_level(logging.WARNING):
        again = cached(path, checksum=maker.checksum, make=maker)
    assert content_hash(again) == maker.checksum
    assert maker.calls == 2
    assert path.read_bytes() == whole
    (line,) = caplog.messages
    assert line.startswith(f"{path} was damaged (")
    assert "\n" not in line


def test_a_whole_file_with_other_content_is_made_again(tmp_path, maker, make_source, caplog):
    path = tmp_path / "kept.npz"
    other = make_source(50, seed=9)
    cached(path, checksum=content_hash(other), make=lambda: other)
    assert content_hash(cached(path, checksum=maker.checksum, make=maker)) == maker.checksum
    assert "other content" in caplog.text


def test_files_that_hold_objects_are_never_unpickled(tmp_path, maker):
    path = tmp_path / "kept.npz"
    np.savez(path, inputs=np.array([{"an": "object"}], dtype=object), labels=np.arange(1), test_start=0)
    assert content_hash(cached(path, checksum=maker.checksum, make=maker)) == maker.checksum


def test_what_lacks_the_checksum_is_handed_on_and_not_kept(tmp_path, maker):
    path = tmp_path / "kept.npz"
    assert cached(path, checksum="another", make=maker) is maker.source
    assert not path.exists()


def test_a_crash_while_writing_leaves_nothing(tmp_path, maker, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("podium.records.files.os.replace", crash)
    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path / "kept.npz", checksum=maker.checksum, make=maker)
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file_gives_one_line(tmp_path, maker):
    root = tmp_path / "root"
    root.write_text("occupied")
    with pytest.raises(
        ValueError, match=r"^root must be a folder to write to, got .*root \(.*\); set paths.data$"
    ):
        cached(root / "kept.npz", checksum=maker.checksum, make=maker)
    assert root.read_text() == "occupied"
