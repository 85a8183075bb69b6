"""Files that are whole or absent, and their hashes."""

import hashlib
import os
import secrets
from pathlib import Path

PIECE = 2**18  # bytes that are copied at once


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # Ctrl-C leaves no part of a file either
        part.unlink(missing_ok=True)
        raise


def copy_hashed(source: Path, target: Path) -> str:
    """Copy a file's content; its SHA-256 (hex), from the bytes that were written: reading them once is enough."""
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as written:
        while piece := read.read(PIECE):
            digest.update(piece)
            written.write(piece)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
