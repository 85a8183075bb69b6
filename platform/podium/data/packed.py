"""A pack: pictures of a folder, read once and kept in a few large files that are mapped into memory.

    pack.json         what was packed and how
    shard-00000.bin   the bytes of pictures, one behind the other: of pixels (height, width, channels), or of whole files
    shard-00000.npz   what is known of these pictures; it is written when its shard is whole on the disk
    index.npz         the same of all pictures, and which make which example; it is written last

Pictures are in the order of their names and shards end where they are full, so that the same files make the same bytes.
Whatever cannot be used has its row, with the reason, and no bytes. Each picture has a CRC-32, which is compared when the
picture is read for the first time.
"""

import json
import zipfile
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Indices
from podium.data.errors import one_line
from podium.data.image_content import Arrangement
from podium.data.image_index import Index, strings
from podium.data.image_inputs import FilePictures, Pictures, Pixels, Sides, plain_jpeg
from podium.data.image_scan import Scan

VERSION = 1
HEADER, INDEX = "pack.json", "index.npz"
Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class Form:
    """What was packed and how: pixels with their shorter side at ``resize`` in so many channels, or whole files."""

    name: str
    keep: Literal["pixels", "files"]
    resize: int | None
    channels: int | None
    shard_bytes: int
    version: int = VERSION

    def to_json(self) -> str:
        """The text of pack.json."""
        return json.dumps(asdict(self), indent=1) + "\n"


class Table(NamedTuple):
    """What is known of pictures in shards, a row each."""

    known: Index
    place: Indices  # (n, 3): shard, offset, length
    stored: Sides  # (n, 2): width and height of pixels
    crc: npt.NDArray[np.uint32]

    def arrays(self) -> dict[str, Rows]:
        """Its columns, but for the problems, which are texts."""
        return {**self.known._asdict(), "place": self.place, "stored": self.stored, "crc": self.crc}


def shard(folder: Path, number: int) -> Path:
    """The file of a shard's bytes."""
    return folder / f"shard-{number:05d}.bin"


def read_form(folder: Path) -> Form:
    """What a pack's header says.

    Raises:
        ValueError: there is none, or it cannot be read.
    """
    try:
        raw = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        if raw.get("version") != VERSION or set(raw) != {field.name for field in fields(Form)}:
            raise ValueError(f"version {raw.get('version')}")
        return Form(**raw)
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else one_line(error)
        raise ValueError(
            f"{folder} must be a pack of version {VERSION}, got no {HEADER} of one ({reason}); "
            "make it with podium data pack, or set data.images.packed=null"
        ) from None


class Pack:
    """A whole pack, ready to be read.

    Raises:
        ValueError: it is not whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.form = read_form(folder)
        try:
            with np.load(folder / INDEX, allow_pickle=False) as file:
                columns: dict[str, Rows] = dict(file)
            self.scan, self.table, self.found = _unpacked(folder, columns)
            self.bytes = _shard_bytes(self.table)
        except FileNotFoundError:
            raise ValueError(
                f"{folder} must be a whole pack, got one without {INDEX}: packing was interrupted; "
                "run the same podium data pack again, which goes on"
            ) from None
        except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{folder / INDEX} must be whole, got {one_line(error)}; run the same podium data pack again"
            ) from None
        for number, size in enumerate(self.bytes):
            path = shard(folder, number)
            if (found := path.stat().st_size if path.is_file() else None) != size:
                raise ValueError(
                    f"{path} must have {size} bytes, got {'no file' if found is None else found}; "
                    "run the same podium data pack again, which makes it anew"
                )
        self._maps: dict[int, Pixels] = {}
        self._checked = np.zeros(len(self.table.crc), dtype=np.bool_)

    def pictures(self, rows: Indices) -> Pictures:
        """The pictures of these rows, numbered from 0."""
        if self.form.keep == "files":
            names = [self.scan.names[row] for row in rows.tolist()]
            return PackedFiles(self, rows, names, self.table.known.take(rows))
        return PackedPixels(self, rows)

    def read(self, row: int) -> Pixels:
        """The bytes of a picture, compared with their checksum at the first reading.

        Raises:
            ValueError: they are not those that were packed.
        """
        number, offset, length = self.table.place[row].tolist()
        if number not in self._maps:
            self._maps[number] = np.asarray(np.memmap(shard(self.folder, number), dtype=np.uint8, mode="r"))
        found = self._maps[number][offset : offset + length]
        if not self._checked[row]:
            if self._differs(row, found):
                name = self.scan.names[row].decode(errors="surrogateescape")
                path = shard(self.folder, number)
                raise ValueError(
                    f"{path} must hold {name} as it was packed, got other bytes; remove {path} and run the same "
                    "podium data pack again, which makes it anew"
                )
            self._checked[row] = True
        return found

    def _differs(self, row: int, found: Pixels) -> bool:
        return zlib.crc32(found.data) != int(self.table.crc[row])


class PackedPixels:
    """Pictures that were packed as pixels: their bytes are what is read."""

    keeps_original = False

    def __init__(self, pack: Pack, rows: Indices) -> None:
        self.pack = pack
        self.rows = rows

    def sizes(self, numbers: Indices, *, resize: int | None) -> Sides:
        """Width and height of these pictures, as they were packed."""
        sizes: Sides = self.pack.table.stored[self.rows[numbers]]
        return sizes

    def resized(self, number: int, *, channels: int, resize: int) -> Pixels:
        """A picture (height, width, channels) as it was packed, not to be written to."""
        row = int(self.rows[number])
        width, height = self.pack.table.stored[row].tolist()
        return self.pack.read(row).reshape(height, width, channels)

    def original(self, number: int, *, channels: int) -> Pixels:
        """Never called: the configuration was refused."""
        raise TypeError("a pack of pixels has no originals")


class PackedFiles(FilePictures):
    """Pictures whose files were packed as they were."""

    def __init__(self, pack: Pack, rows: Indices, names: list[bytes], index: Index) -> None:
        super().__init__(pack.folder, names, extent=index.extent, plain=plain_jpeg(names, index.note))
        self.pack = pack
        self.rows = rows

    def content(self, number: int) -> bytes:
        """The bytes of a file."""
        return self.pack.read(int(self.rows[number])).tobytes()


def table_of(columns: dict[str, Rows]) -> Table:
    """The table of a shard, or of all, from the arrays of its file.

    Raises:
        KeyError: a column is missing.
        ValueError: columns do not fit.
    """
    problem = [text.decode() for text in strings(columns["problem"])]
    index = Index(columns["sha256"], columns["extent"], columns["note"], problem)
    table = Table(index, columns["place"], columns["stored"], columns["crc"])
    if len({len(column) for column in table.arrays().values()}) != 1:
        raise ValueError("rows that do not fit")
    return table


def _unpacked(folder: Path, columns: dict[str, Rows]) -> tuple[Scan, Table, Arrangement]:
    table = table_of(columns)
    names, folders = strings(columns["names"]), strings(columns["folders"])
    if len(names) != len(table.crc):
        raise ValueError("rows that do not fit")
    scan = Scan(folder, names, columns["size"], columns["mtime_ns"], folders, int(columns["others"]))
    start = int(columns["test_start"])
    kinds = [kind.decode() for kind in strings(columns["class_names"])]
    found = Arrangement(columns["files"], columns["labels"], start if start >= 0 else None, kinds)
    return scan, table, found


def _shard_bytes(table: Table) -> list[int]:
    """How long each shard is."""
    number, _, length = table.place.T
    sizes: list[int] = np.bincount(number, weights=length).astype(np.int64).tolist()
    return sizes
