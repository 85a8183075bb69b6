"""What is known of every image file of a folder, and kept: hash, size in pixels, what is converted, what is wrong.

The first time every file is opened and wholly decoded. What was found is kept in one file, so that the next time only
files that are new or changed (in size or time) are opened, and a folder of a million images starts in seconds.
"""

import hashlib
import io
import logging
import os
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from podium.data.arrays import Indices
from podium.data.errors import one_line
from podium.data.image_file import BadImage, Note, read_image
from podium.data.image_scan import Scan, read_bytes
from podium.records.files import write_atomically

log = logging.getLogger(__name__)
VERSION = 1  # of the file and of what read_image decides: another one is checked again
CHUNK = 64  # files a thread takes at a time


class Index(NamedTuple):
    """What is known of the files of a scan, a row each; ``problem`` is empty for an image that can be used."""

    sha256: npt.NDArray[np.uint8]  # (n, 32)
    extent: npt.NDArray[np.int32]  # (n, 2): width and height, as seen upright
    note: npt.NDArray[np.uint8]
    problem: list[str]

    def take(self, rows: Indices) -> "Index":
        """These rows alone."""
        problem = [self.problem[row] for row in rows.tolist()]
        return Index(self.sha256[rows], self.extent[rows], self.note[rows], problem)


class _Kept(NamedTuple):
    """The index as it was written, with the scan it belongs to."""

    names: list[bytes]
    size: npt.NDArray[np.int64]
    mtime_ns: npt.NDArray[np.int64]
    known: Index


_Row = tuple[bytes, tuple[int, int], int, str]


def cpus() -> int:
    """How many threads decode images: one a processor that this process may use, eight at most."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)


def index_images(scan: Scan, *, name: str) -> Index:
    """The index of these files: kept, and checked where they are new or changed.

    It is kept in the images' folder, or, where that cannot be written, in the user's cache. An interruption keeps
    what was checked so far.
    """
    index, known = _match(scan, _read_any(scan.root, name))
    missing = np.flatnonzero(~known)
    if len(missing) == 0:
        return index
    try:
        for row, (digest, extent, note, problem) in _checked(scan, missing):
            index.sha256[row] = np.frombuffer(digest, dtype=np.uint8)
            index.extent[row], index.note[row], index.problem[row] = extent, note, problem
            known[row] = True
    finally:
        done = np.flatnonzero(
            known & index.sha256.any(axis=1)
        )  # what could not be read may be readable next time
        _write_any(scan.take(done), index.take(done), name)
    return index


def keep(root: Path, name: str, content: bytes) -> Path | None:
    """Write a file about the images of a folder to where such files are kept; None if no place can be written."""
    for place in _places(root):
        try:
            write_atomically(place / name, content)
            return place / name
        except OSError:
            continue
    return None


def _places(root: Path) -> list[Path]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
    return [root / ".podium", cache / "podium" / own]


def _match(scan: Scan, kept: _Kept | None) -> tuple[Index, npt.NDArray[np.bool_]]:
    """The rows that are known of unchanged files, and which these are."""
    count = len(scan.names)
    empty = Index(
        np.zeros((count, 32), np.uint8),
        np.zeros((count, 2), np.int32),
        np.zeros(count, np.uint8),
        [""] * count,
    )
    if kept is None:
        return empty, np.zeros(count, dtype=np.bool_)
    if kept.names == scan.names:
        rows = np.arange(count)
    else:
        place = {name: row for row, name in enumerate(kept.names)}
        rows = np.fromiter((place.get(name, -1) for name in scan.names), np.int64, count)
    known = rows >= 0
    known[known] = (kept.size[rows[known]] == scan.size[known]) & (
        kept.mtime_ns[rows[known]] == scan.mtime_ns[known]
    )
    old = rows[known]
    empty.sha256[known], empty.extent[known], empty.note[known] = (field[old] for field in kept.known[:3])
    for row, place_then in zip(np.flatnonzero(known).tolist(), old.tolist(), strict=True):
        empty.problem[row] = kept.known.problem[place_then]
    return empty, known


def _checked(scan: Scan, rows: Indices) -> Iterator[tuple[int, _Row]]:
    """Open and decode these files in a few threads; Pillow leaves Python's lock while it decodes."""
    chunks = [rows[start : start + CHUNK].tolist() for start in range(0, len(rows), CHUNK)]

    def check(chunk: list[int]) -> list[tuple[int, _Row]]:
        return [(row, _check(scan.root, scan.names[row])) for row in chunk]

    bar = tqdm(total=len(rows), desc="checking images", unit="image", disable=None)
    with warnings.catch_warnings(), bar, ThreadPoolExecutor(cpus()) as pool:
        warnings.simplefilter("ignore")  # what Pillow warns of is either found by the check or harmless
        try:
            for results in pool.map(check, chunks):
                yield from results
                bar.update(len(results))
        except BaseException:  # whoever ends it, and who wants no more, does not wait for what is queued
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _check(root: Path, name: bytes) -> _Row:
    _, digest, image, note, problem = opened(root, name)
    return digest, image.size if image else (0, 0), note, problem


class Opened(NamedTuple):
    """A file: its content and the picture in it, or the ``problem`` for which there is none."""

    content: bytes
    sha256: bytes
    image: Image.Image | None
    note: int
    problem: str


def opened(root: Path, name: bytes) -> Opened:
    """Read and decode one file."""
    try:
        content = read_bytes(root, name)
    except OSError as error:
        return Opened(b"", bytes(32), None, 0, f"cannot be read: {error.strerror}")
    digest = hashlib.sha256(content).digest()
    try:
        image, note = read_image(content, suffix=PurePosixPath(os.fsdecode(name)).suffix)
    except BadImage as error:
        return Opened(content, digest, None, 0, one_line(error).replace("\0", ""))
    return Opened(content, digest, image, int(note), "")


def _read_any(root: Path, name: str) -> _Kept | None:
    for place in _places(root):
        path = place / f"{name}.npz"
        if path.is_file():
            return _read(path)
    return None


def _read(path: Path) -> _Kept | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            fields: dict[str, npt.NDArray[Any]] = dict(file)
        if int(fields["version"]) != VERSION:
            log.warning("%s is of another version; all images are checked again", path)
            return None
        names, problem = strings(fields["names"]), [text.decode() for text in strings(fields["problem"])]
        index = Index(fields["sha256"], fields["extent"], fields["note"], problem)
        kept = _Kept(names, fields["size"], fields["mtime_ns"], index)
        if {len(field) for field in (*kept[:3], *index)} != {len(names)} or int(
            index.note.max(initial=0)
        ) >= 2 * max(Note):
            raise ValueError("rows that do not fit")
        return kept
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        log.warning("%s was damaged (%s); all images are checked again", path, one_line(error))
        return None


def _write_any(scan: Scan, index: Index, name: str) -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        version=np.int64(VERSION),
        names=joined(scan.names),
        size=scan.size,
        mtime_ns=scan.mtime_ns,
        problem=joined([problem.encode() for problem in index.problem]),
        sha256=index.sha256,
        extent=index.extent,
        note=index.note,
    )
    if keep(scan.root, f"{name}.npz", buffer.getvalue()) is None:
        log.warning(
            "the index of %s cannot be kept anywhere; its images are checked at every start", scan.root
        )


def joined(texts: list[bytes]) -> npt.NDArray[np.uint8]:
    """Texts as one array of bytes."""
    return np.frombuffer(b"\0".join(texts), dtype=np.uint8)  # no file name and no message holds a zero


def strings(joined: npt.NDArray[np.uint8]) -> list[bytes]:
    """The texts that ``joined`` joined."""
    return joined.tobytes().split(b"\0")
