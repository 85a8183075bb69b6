"""Which image files are below a folder: names, sizes and times, without opening one.

Names are bytes relative to the folder, as the file system has them, in the order of their bytes: the same on every
machine. What is hidden (its name begins with a dot) is not looked at; files without the name of an image are counted.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Indices
from podium.data.image_file import SUFFIXES

_SUFFIXES = tuple(suffix.encode() for suffix in SUFFIXES)


class Scan(NamedTuple):
    """Image files below ``root``, in the order of their names, and what else was seen."""

    root: Path
    names: list[bytes]
    size: npt.NDArray[np.int64]
    mtime_ns: npt.NDArray[np.int64]
    folders: list[bytes]
    others: int

    def take(self, rows: Indices) -> "Scan":
        """The files of these rows alone."""
        names = [self.names[row] for row in rows.tolist()]
        return self._replace(names=names, size=self.size[rows], mtime_ns=self.mtime_ns[rows])


def scan_images(root: Path, *, below: Sequence[str]) -> Scan:
    """Look for images in these folders of the root, at any depth; links are followed, but not in circles.

    Raises:
        ValueError: a folder is missing or cannot be read.
    """
    names: list[bytes] = []
    stamps: list[tuple[int, int]] = []
    folders: list[bytes] = []
    others = 0
    try:
        for start in below:
            first = b"" if start == "." else os.fsencode(start)
            todo = [(first, frozenset({_identity(under(root, first))}))]
            while todo:
                folder, ancestors = todo.pop()
                inner = _look(under(root, folder), folder, names, stamps)
                others += inner.others
                for name in inner.folders:
                    identity = _identity(under(root, name))
                    if identity not in ancestors:
                        folders.append(name)
                        todo.append((name, ancestors | {identity}))
    except OSError as error:
        where = os.fsdecode(error.filename or root)
        raise ValueError(f"{where} must be a folder to read, got {error.strerror}; set data.root") from None
    order = sorted(range(len(names)), key=names.__getitem__)
    table = np.array(stamps, dtype=np.int64).reshape(-1, 2)[order]
    return Scan(root, [names[row] for row in order], table[:, 0], table[:, 1], sorted(folders), others)


def under(root: Path, name: bytes) -> bytes:
    """The path of a name; bytes, because a million Path objects cost a minute."""
    return os.fsencode(root) + b"/" + name if name else os.fsencode(root)


def read_bytes(root: Path, name: bytes) -> bytes:
    """The content of the file of a name.

    Raises:
        OSError: it cannot be read.
    """
    with io.FileIO(under(root, name)) as file:
        return file.readall()


class _Folder(NamedTuple):
    folders: list[bytes]
    others: int


def _look(path: bytes, folder: bytes, names: list[bytes], stamps: list[tuple[int, int]]) -> _Folder:
    folders: list[bytes] = []
    others = 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith(b"."):
                continue
            name = folder + b"/" + entry.name if folder else entry.name
            if entry.name.lower().endswith(_SUFFIXES) and not entry.is_dir():
                status = entry.stat() if _exists(entry) else None  # of a dangling link the check says so
                names.append(name)
                stamps.append((status.st_size, status.st_mtime_ns) if status else (0, 0))
            elif entry.is_dir():
                folders.append(name)
            else:
                others += 1
    return _Folder(folders, others)


def _exists(entry: os.DirEntry[bytes]) -> bool:
    return not entry.is_symlink() or os.path.exists(entry.path)  # noqa: PTH110  # paths are bytes


def _identity(folder: bytes) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116  # paths are bytes
    return status.st_dev, status.st_ino
