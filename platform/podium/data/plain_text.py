"""Files of plain text: UTF-8, read whole, with the line ends of Unix."""

import logging
from pathlib import Path

_LOG = logging.getLogger(__name__)


def read_text(file: Path) -> str:
    """The text of a file, without a mark of the order of bytes.

    Raises:
        ValueError: it is no UTF-8.
    """
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{file} must be text in UTF-8, got the byte 0x{content[error.start]:02x} in line {line}; "
            "convert it, for instance with iconv -f latin1 -t utf-8"
        ) from None


def read_texts(root: Path) -> list[str]:
    """The texts of a file, or of the files *.txt below a folder, in the order of their names; empty ones are left out.

    Raises:
        ValueError: nothing is there, or it is no UTF-8.
    """
    files = [root] if root.is_file() else sorted(root.rglob("*.txt"))
    if not files:
        raise ValueError(f"{root} must be a text file, or a folder with files *.txt, got none; set data.root")
    texts = [read_text(file) for file in files]
    kept = [text for text in texts if len(text) > 1]
    if not kept:
        raise ValueError(f"{root} must hold text, got {len(files)} empty files; set data.root to another")
    if len(kept) < len(texts):
        _LOG.warning("text: %s of %s files are empty and left out", len(texts) - len(kept), len(texts))
    return kept
