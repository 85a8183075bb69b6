"""Which files make which example, and the hash that names them: the same whether they lie in a folder or in a pack."""

import hashlib
import logging
from typing import NamedTuple

import numpy as np

from podium.data.arrays import Indices
from podium.data.image_index import Index
from podium.data.image_scan import Scan

log = logging.getLogger(__name__)


class Arrangement(NamedTuple):
    """Which files make which example: ``files`` are places in the scan, (n,) or (n, frames), training first."""

    files: Indices
    labels: Indices
    test_start: int | None
    class_names: list[str]


def content_of(found: Arrangement, used: Scan, index: Index, skipped: Scan, bad: Index) -> str:
    """SHA-256 (hex) of a line for each file of an example: its split, class, name and SHA-256; then those left out."""
    digest = hashlib.sha256()
    start = len(found.files) if found.test_start is None else found.test_start
    for row, files in enumerate(found.files.reshape(len(found.files), -1).tolist()):
        kind = f"{'train' if row < start else 'test'} {found.class_names[found.labels[row]]} ".encode()
        for file in files:
            digest.update(kind + used.names[file] + b" " + index.sha256[file].tobytes() + b"\n")
    for name, sha256 in zip(skipped.names, bad.sha256, strict=True):
        digest.update(b"left out " + name + b" " + sha256.tobytes() + b"\n")
    return digest.hexdigest()


def same_content(found: Arrangement, index: Index) -> Indices | None:
    """A number for each example that those with the same files share, so that no split tears them apart."""
    hashes = index.sha256[:, :8].copy().view(np.uint64)[:, 0]  # a chance meeting would only keep two together
    keys = hashes[found.files].reshape(len(found.files), -1).sum(axis=1, dtype=np.uint64)
    groups: Indices = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    start = found.test_start
    if start is not None and (both := np.isin(groups[start:], groups[:start]).sum()):
        log.warning("%s test examples are also for training, file by file the same", f"{both:,}")
    return groups if len(np.unique(groups)) < len(groups) else None
