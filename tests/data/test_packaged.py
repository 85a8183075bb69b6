import gzip
import os
import re
import sys

import numpy as np
import pytest

from podium.data.packaged import packaged_table

GOOD = b"1,2,3\n4,5,6\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose import fails, with room for a table."""
    folder = tmp_path / "carrier"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def read():
    return packaged_table("carrier", "table.csv.gz", distribution="carrier-kit", shape=(2, 3))


def test_a_table_is_read_without_importing_its_package(package):
    (package / "table.csv.gz").write_bytes(gzip.compress(GOOD))
    assert read().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read().dtype == np.float32
    assert "carrier" not in sys.modules
    with pytest.raises(ImportError, match="imported"):
        import carrier  # noqa: F401


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip at all",
        gzip.compress(GOOD)[:-9],
        gzip.compress(GOOD)[:-1] + b"!",
        gzip.compress(b"1,2,x\n4,5,6\n"),
        gzip.compress(b"1,2,3\n4,5\n"),
        gzip.compress(b"1,2,3\n"),
        gzip.compress(b"\xff\xfe,2,3\n4,5,6\n"),
        gzip.compress(GOOD)[:12] + b"\x00\xff\x00" + gzip.compress(GOOD)[15:],
    ],
    ids=["empty", "no gzip", "truncated", "bad sum", "word", "ragged", "short", "no text", "bad stream"],
)
def test_a_damaged_table_gives_one_line_with_the_remedy(package, content):
    file = package / "table.csv.gz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="^" + re.escape(str(file))) as error:
        read()
    assert re.fullmatch(r".* must be .*, got .*; pip install --force-reinstall carrier-kit", str(error.value))


@pytest.mark.parametrize("name", ["carrier", "no_such_package"])
def test_a_missing_table_gives_one_line_with_the_remedy(package, name):
    message = (
        "table.csv.gz of the package carrier-kit must be installed, got no such file; "
        "pip install --force-reinstall carrier-kit"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        packaged_table(name, "table.csv.gz", distribution="carrier-kit", shape=(2, 3))


def test_a_table_is_parsed_once_in_a_process_and_nobody_can_write_to_it(package, monkeypatch):
    file = package / "table.csv.gz"
    file.write_bytes(gzip.compress(GOOD))
    first = read()
    monkeypatch.setattr("podium.data.packaged.np.loadtxt", None)  # a second parsing would fail
    assert read() is first
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 7


def test_a_table_that_changed_is_parsed_again(package):
    file = package / "table.csv.gz"
    file.write_bytes(gzip.compress(GOOD))
    assert read()[1, 2] == 6
    before = file.stat()
    file.write_bytes(gzip.compress(GOOD.replace(b"6", b"9")))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert read()[1, 2] == 9
