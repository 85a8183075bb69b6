"""Sources that take long to make, kept as files that are whole and verified."""

import io
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from podium.data.arrays import Source, content_hash
from podium.data.errors import one_line
from podium.records.files import write_atomically

log = logging.getLogger(__name__)


def cached(path: Path, *, checksum: str | None, make: Callable[[], Source]) -> Source:
    """The source kept at this path, or made, and kept if it has the checksum.

    A damaged file is reported, removed and made again. Without a checksum nothing is kept.

    Raises:
        ValueError: the folder cannot be written, or ``make`` fails.
    """
    kept = None if checksum is None else _read(path, checksum)
    if kept is not None:
        return kept
    made = make()
    if content_hash(made) == checksum:  # else the caller, who knows the remedy, raises
        _write(path, made)
    return made


def _read(path: Path, checksum: str | None) -> Source | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            start = int(file["test_start"])
            groups = file["groups"] if "groups" in file.files else None
            source = Source(file["inputs"], file["labels"], start if start >= 0 else None, groups=groups)
        if content_hash(source) == checksum:
            return source
        reason = "other content"
    except (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        reason = one_line(error)
    log.warning("%s was damaged (%s); it is made again", path, reason)
    path.unlink(missing_ok=True)
    return None


def _write(path: Path, source: Source) -> None:
    assert isinstance(source.inputs, np.ndarray)
    buffer = io.BytesIO()
    start = -1 if source.test_start is None else source.test_start
    groups: dict[str, Any] = {} if source.groups is None else {"groups": source.groups}
    np.savez(buffer, inputs=source.inputs, labels=source.labels, test_start=np.int64(start), **groups)
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise ValueError(
            f"root must be a folder to write to, got {path.parent} ({error}); set paths.data"
        ) from None
