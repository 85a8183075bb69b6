"""MNIST and its like through torchvision: read, or obtained first, whole or not at all."""

import gzip
import shutil
import tempfile
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch

from podium.data.arrays import Source
from podium.data.errors import one_line

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def published(dataset: str, root: Path, *, archives: Path | None, remedy: str) -> Source:
    """Training and test split of torchvision's data set of this name below ``root``.

    Missing files are unpacked from the folder ``archives`` if it is there, else downloaded.

    Raises:
        ValueError: files are damaged, or cannot be had, or ``root`` cannot be written.
    """
    from torchvision import datasets  # late: seconds, and only for these data sets

    kind = getattr(datasets, dataset)
    raw = root / dataset / "raw"
    if not all((raw / name).is_file() for name in FILES):
        _obtain(kind, raw, archives=archives, remedy=remedy)
    try:
        parts = [kind(str(root), train=train) for train in (True, False)]
        inputs = torch.cat([part.data for part in parts]).unsqueeze(1).numpy()
        labels = torch.cat([part.targets for part in parts]).numpy().astype(np.int64)
    # What torchvision's reader raises on damaged files, which has no class for it.
    except (OSError, AssertionError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{raw} must hold whole files, got {one_line(error)}; delete it and run again"
        ) from None
    if len(inputs) != len(labels):
        raise ValueError(
            f"{raw} must hold a label for each image, got {len(labels)} labels for {len(inputs)} images; "
            "delete it and run again"
        )
    return Source(inputs, labels, test_start=len(parts[0].targets))


def _obtain(kind: Any, raw: Path, *, archives: Path | None, remedy: str) -> None:
    """Fill a staging folder, then move the files to their place: an interruption leaves no part of one."""
    root = raw.parent.parent
    try:
        raw.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=root, prefix=f".{raw.parent.name}."))
    except OSError as error:
        raise ValueError(f"root must be a folder to write to, got {root} ({error}); set paths.data") from None
    staged = staging / raw.relative_to(root)
    try:
        staged.mkdir(parents=True)
        if archives is not None and archives.is_dir():
            for name in FILES:
                (staged / name).write_bytes(_unpack(archives / f"{name}.gz"))
        else:
            for archive in raw.glob("*.gz"):  # torchvision checks them and unpacks those that are whole
                shutil.copy(archive, staged)
            kind(str(staging), download=True)
        for name in FILES:
            (staged / name).replace(raw / name)
    except (OSError, EOFError, zlib.error, RuntimeError, HTTPException) as error:
        raise ValueError(f"{raw} must hold {len(FILES)} files, got {one_line(error)}; {remedy}") from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack(archive: Path) -> bytes:
    content = gzip.decompress(archive.read_bytes())
    if not content:  # gzip takes an empty file for an archive of nothing
        raise EOFError(f"{archive} without content")
    return content
