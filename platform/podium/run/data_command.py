"""`podium data`: get a data set ready and say what it is (prepare), keep a folder of pictures in a few large files that are
quick to read (pack), and check these (check)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from podium.data.base import DataModule
from podium.data.image_index import cpus
from podium.data.images import ImageFiles
from podium.data.pack_writer import write_pack
from podium.data.packed import Pack
from podium.run.assemble import compose
from podium.run.build import make, refusals
from podium.run.command import EXIT_FAILED, show_notes
from podium.run.errors import ConfigError

SHARD_BYTES = 2**30
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def data_command(
    action: Literal["prepare", "pack", "check"],
    overrides: Sequence[str],
    *,
    out: Path | None,
    keep: Literal["pixels", "files"],
) -> int:
    """Get a configuration's data ready, pack its pictures, or check every picture of the pack that it names."""
    show_notes()
    if action == "prepare":
        prepare(make(compose(overrides)["data"], "data"))
        return 0
    data = _image_files(overrides)
    if action == "check":
        return check(data)
    if out is None:
        raise ConfigError(
            "podium data pack needs a folder for the pack, got none; give --out datasets/NAME.pack"
        )
    with refusals("data"):
        pack(data, out, keep=keep)
    return 0


def prepare(data: DataModule) -> None:
    """Download, unpack or make the data where they are not there yet, compare them with their checksum, say their sizes.

    Raises:
        ConfigError: they cannot be had, or are not what the configuration says.
    """
    with refusals("data"):
        data.prepare_data()
        found = data.fingerprint()
    sizes = ", ".join(f"{found.sizes[split]:,} {name}" for split, name in _SPLITS.items())
    shape = "x".join(map(str, data.shape))
    print(f"{found.name}: {sizes} examples of {shape}, {data.num_classes} classes")
    print(f"content: {found.content}")


def pack(data: ImageFiles, out: Path, *, keep: Literal["pixels", "files"]) -> None:
    """Pack, then load what was packed as a training would, and say what it is.

    Raises:
        ValueError: the pictures cannot be arranged, the folder cannot be written, or some pictures cannot be used.
    """
    root, _ = data.folders()
    if out.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"--out must be outside of the pictures in {root}, got {out}; give another")
    form = data.packed_as(keep, shard_bytes=SHARD_BYTES)
    write_pack(out, data.scan(), form, threads=cpus(), arrange=data.arrange)
    found = Pack(out)
    bad = sum(map(bool, found.table.known.problem))
    gib = sum(found.bytes) / 2**30
    print(
        f"{out}: {len(found.scan.names) - bad:,} pictures in {len(found.bytes)} shards, {gib:.2f} GiB; "
        f"{bad:,} cannot be used"
    )
    data.images = replace(data.images, packed=str(out))
    source = data.load()  # says which pictures cannot be used, and refuses them or not as a training does
    print(f"content: {source.content}")
    print(f"train from it with data.images.packed={out}")


def check(data: ImageFiles) -> int:
    """Compare every picture of the pack with its checksum; returns 1 when some differ."""
    if data.images.packed is None:
        raise ConfigError("podium data check needs a pack, got none; set data.images.packed=FOLDER")
    with refusals("data"):
        found = Pack(Path(data.images.packed))
    broken: list[str] = []
    rows = np.flatnonzero([not problem for problem in found.table.known.problem]).tolist()
    for row in tqdm(rows, desc="checking", unit="image", disable=None):
        try:
            found.read(row)
        except ValueError as error:
            broken.append(str(error))
    for line in broken:
        print(line)
    print(f"{found.folder}: {len(broken):,} of {len(rows):,} pictures are not as they were packed")
    return EXIT_FAILED if broken else 0


def _image_files(overrides: Sequence[str]) -> ImageFiles:
    """The configuration's data, which must be image files."""
    config = compose(overrides)
    data = make(config["data"], "data")
    if not isinstance(data, ImageFiles):
        raise ConfigError(
            f"podium data needs data of image files, got {data.name}; choose data=image_folder or data=imagenet"
        )
    return data
