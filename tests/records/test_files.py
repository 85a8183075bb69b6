import hashlib

import pytest

from podium.records import files
from podium.records.files import copy_hashed, sha256_of


def test_a_copy_has_the_bytes_and_their_hash_also_when_it_takes_several_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 7)
    content = bytes(range(256))
    (tmp_path / "one").write_bytes(content)
    assert copy_hashed(tmp_path / "one", tmp_path / "two") == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "two").read_bytes() == content
    assert sha256_of(tmp_path / "two") == hashlib.sha256(content).hexdigest()


def test_a_copy_never_takes_the_place_of_a_file(tmp_path):
    (tmp_path / "one").write_bytes(b"new")
    (tmp_path / "two").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        copy_hashed(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == b"old"
