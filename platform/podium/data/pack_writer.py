"""Writing a pack: every file is opened, checked, decoded and resized once, by a few threads, in the order of the names.

A shard counts when its bytes are on the disk and its table is written. After an interruption at any moment, the same call
keeps the shards whose files are unchanged and makes the others, with the bytes that they would have had.
"""

import fcntl
import io
import logging
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from podium.data.ahead import in_order
from podium.data.errors import one_line
from podium.data.image_content import Arrangement
from podium.data.image_file import in_channels
from podium.data.image_index import Index, joined, opened
from podium.data.image_inputs import pixels_of, shrink
from podium.data.image_scan import Scan
from podium.data.packed import HEADER, INDEX, Form, Rows, Table, read_form, shard, table_of
from podium.records.files import write_atomically

log = logging.getLogger(__name__)
AHEAD = 4  # pictures a thread may be ahead of what is written


class _Packed(NamedTuple):
    """One file: what is known of it, and the bytes that are kept; none of a file that cannot be used."""

    sha256: bytes
    extent: tuple[int, int]
    note: int
    problem: str
    stored: tuple[int, int]
    content: bytes


def write_pack(
    folder: Path, scan: Scan, form: Form, *, threads: int, arrange: Callable[[Scan], Arrangement]
) -> None:
    """Pack these files into a folder, or go on where that was interrupted; ``arrange`` is given those that can be used.

    Raises:
        ValueError: the folder is another pack, is being written, or cannot be written; or from ``arrange``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _begin(folder, form)
            table = _write_shards(folder, scan, form, threads=threads)
            good = np.flatnonzero([not problem for problem in table.known.problem])
            if not len(good):
                raise ValueError(
                    f"{scan.root} must hold a picture that can be used, got none: {table.known.problem[0]}"
                )
            _write_table(folder / INDEX, table, _of_scan(scan) | _of_examples(scan, arrange(scan.take(good))))
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise ValueError(f"{folder} must be a folder to write to, got {reason}; give another --out") from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when this process ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{folder} must be written by one podium data pack at a time, got another; wait for it"
            ) from None
        yield
    finally:
        os.close(handle)


def _begin(folder: Path, form: Form) -> None:
    """Write the header of a new pack; one that goes on must be the same."""
    for stem in (HEADER, INDEX, "shard-*.npz"):
        for path in folder.glob(f".{stem}.*.part"):
            path.unlink()  # of an interruption
    if not (folder / HEADER).exists():
        if strangers := sorted(path.name for path in folder.iterdir()):
            raise ValueError(
                f"{folder} must be empty or a pack, got {strangers[0]} in it; give another --out"
            )
        write_atomically(folder / HEADER, form.to_json().encode())
    old, new = asdict(read_form(folder)), asdict(form)
    for key, value in new.items():
        if old[key] != value:
            raise ValueError(
                f"{folder} must be a pack with {key}={value}, got {old[key]}; remove it, or give another --out"
            )


def _write_shards(folder: Path, scan: Scan, form: Form, *, threads: int) -> Table:
    tables: list[Table] = []
    row, count = 0, len(scan.names)
    bar: tqdm[Any] = tqdm(total=count, desc="packing", unit="image", disable=None, smoothing=0.05)
    with warnings.catch_warnings(), bar:
        warnings.simplefilter("ignore")  # what Pillow warns of is either found by the check or harmless
        while row < count:
            number = len(tables)
            table = _whole(folder, number, scan, row)
            if table is None:
                (folder / INDEX).unlink(missing_ok=True)  # it would speak of other shards
                table = _write_shard(folder, number, scan, row, form, threads=threads, bar=bar)
            else:
                if not bar.disable:
                    bar.initial += len(table.crc)  # no part of the rate, and so of the time left
                bar.update(len(table.crc))
            tables.append(table)
            row += len(table.crc)
    for path in folder.glob("shard-*"):
        if not path.name[6:11].isdecimal() or int(path.name[6:11]) >= len(tables):
            path.unlink()  # of a folder that held more, or of an interruption
    return _together(tables)


def _whole(folder: Path, number: int, scan: Scan, row: int) -> Table | None:
    """The table of a shard that is whole and holds the files from this row on as they are now."""
    path = shard(folder, number)
    try:
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
            columns: dict[str, Rows] = dict(file)
        table = table_of(columns)
        part = scan.take(np.arange(row, min(row + len(table.crc), len(scan.names))))
        now = _of_scan(part)
        same = all(np.array_equal(columns[key], now[key]) for key in ("names", "size", "mtime_ns"))
        readable = bool(table.known.sha256.any(axis=1).all())  # others may be readable by now
        if same and readable and path.stat().st_size == table.place[-1, 1:].sum():
            return table
    except FileNotFoundError:
        return None
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("%s was damaged (%s); its shard is made anew", path.with_suffix(".npz"), one_line(error))
        return None
    log.warning("%s is made anew: it is damaged, or files have changed since it was packed", path)
    return None


def _write_shard(
    folder: Path, number: int, scan: Scan, row: int, form: Form, *, threads: int, bar: "tqdm[Any]"
) -> Table:
    """Pack files from this row on until the shard is full."""
    path = shard(folder, number)
    path.with_suffix(".npz").unlink(missing_ok=True)
    part = path.with_suffix(".part")
    rows: list[_Packed] = []
    places: list[tuple[int, int, int]] = []
    crc: list[int] = []
    offset = 0

    def pack(name: bytes) -> _Packed:
        return _pack(scan.root, name, form)

    ready = in_order(pack, scan.names[row:], threads=threads, ahead=AHEAD * threads)
    with part.open("wb") as file, closing(ready) as results:
        for packed in results:
            file.write(packed.content)
            places.append((number, offset, len(packed.content)))
            rows.append(packed._replace(content=b""))
            crc.append(zlib.crc32(packed.content))
            offset += len(packed.content)
            bar.update()
            if offset >= form.shard_bytes:
                break
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    table = _table(rows, places, crc)
    _write_table(path.with_suffix(".npz"), table, _of_scan(scan.take(np.arange(row, row + len(rows)))))
    return table


def _pack(root: Path, name: bytes, form: Form) -> _Packed:
    """Open, check, decode and resize one file."""
    content, digest, image, note, problem = opened(root, name)
    if image is None:
        return _Packed(digest, (0, 0), 0, problem, (0, 0), b"")
    extent = stored = image.size
    if form.keep == "pixels":
        assert form.channels is not None
        assert form.resize is not None
        image = shrink(in_channels(image, form.channels), form.resize)
        stored, content = image.size, pixels_of(image).tobytes()
    return _Packed(digest, extent, note, "", stored, content)


def _table(rows: list[_Packed], places: list[tuple[int, int, int]], crc: list[int]) -> Table:
    index = Index(
        np.frombuffer(b"".join(row.sha256 for row in rows), dtype=np.uint8).reshape(-1, 32),
        np.array([row.extent for row in rows], dtype=np.int32),
        np.array([row.note for row in rows], dtype=np.uint8),
        [row.problem for row in rows],
    )
    stored = np.array([row.stored for row in rows], dtype=np.int32)
    return Table(index, np.array(places, dtype=np.int64), stored, np.array(crc, dtype=np.uint32))


def _together(tables: list[Table]) -> Table:
    columns = {
        key: np.concatenate([table.arrays()[key] for table in tables])
        for key in ("sha256", "extent", "note", "place", "stored", "crc")
    }
    problem = [problem for table in tables for problem in table.known.problem]
    known = Index(columns["sha256"], columns["extent"], columns["note"], problem)
    return Table(known, columns["place"], columns["stored"], columns["crc"])


def _of_scan(scan: Scan) -> dict[str, Rows]:
    return {
        "names": joined(scan.names),
        "size": scan.size,
        "mtime_ns": scan.mtime_ns,
    }


def _of_examples(scan: Scan, found: Arrangement) -> dict[str, Rows]:
    return {
        "folders": joined(scan.folders),
        "others": np.array(scan.others, dtype=np.int64),
        "files": found.files,
        "labels": found.labels,
        "test_start": np.array(-1 if found.test_start is None else found.test_start, dtype=np.int64),
        "class_names": joined([os.fsencode(name) for name in found.class_names]),
    }


def _write_table(path: Path, table: Table, more: dict[str, Rows]) -> None:
    buffer = io.BytesIO()
    columns: dict[str, Any] = {
        **table.arrays(),
        **more,
        "problem": joined([text.encode() for text in table.known.problem]),
    }
    np.savez(buffer, **columns)
    write_atomically(path, buffer.getvalue())
