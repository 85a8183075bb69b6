"""Tables that other packages carry, read without importing those packages (which would cost a second)."""

import gzip
import importlib.util
import io
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.data.errors import one_line


def packaged_table(
    package: str, path: str, *, distribution: str, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """A gzipped file of comma-separated numbers inside an installed package, which is not imported; not to be written to.

    Raises:
        ValueError: the package or the file is missing, damaged or of another shape.
    """
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    files = [Path(folder) / path for folder in folders or [] if (Path(folder) / path).is_file()]
    remedy = f"pip install --force-reinstall {distribution}"
    if not files:
        raise ValueError(
            f"{path} of the package {distribution} must be installed, got no such file; {remedy}"
        )
    try:
        table = _parsed(files[0], files[0].stat().st_mtime_ns)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"{files[0]} must be a whole table, got {one_line(error)}; {remedy}") from None
    if table.shape != shape:
        raise ValueError(f"{files[0]} must be a table of shape {shape}, got {table.shape}; {remedy}")
    return table


@lru_cache(maxsize=2)
def _parsed(file: Path, changed: int) -> npt.NDArray[np.float32]:
    """``changed`` is there for the cache: reading takes longer than a short trial trains, and each needs it."""
    text = gzip.decompress(file.read_bytes())
    if not text.strip():
        raise ValueError("no line")
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.float32)
    table.flags.writeable = False
    return table
