"""SQuAD, questions about paragraphs of Wikipedia: Rajpurkar, Zhang, Lopyrev and Liang 2016, SQuAD: 100,000+ questions for
machine comprehension of text, https://arxiv.org/abs/1606.05250; or your own questions in its layout: data/articles.py.

``data.root`` is a folder with files train*.json and dev*.json, whose second is for testing, or one file, which is split by
whole articles. Validation is carved from training by whole articles as well.
"""

import json
from pathlib import Path
from typing import Any

from podium.data.articles import Reading
from podium.data.spans import SpanData

ADDRESS = "https://rajpurkar.github.io/SQuAD-explorer/"


class Squad(SpanData):
    """Questions in files: set data.root."""

    name = "squad"
    remedy = "set data.root to your files"

    def read(self) -> Reading:
        """The questions of one file, or of two.

        Raises:
            ValueError: files are missing, no JSON, or in another layout.
        """
        reading, root = Reading(), Path(self.root)
        if root.is_file():
            reading.add(_content(root), where=root.name)
            return reading
        train, test = (_only(root, split) for split in ("train", "dev"))
        reading.add(_content(train), where=train.name)
        reading.test_start = len(reading.questions)
        reading.add(_content(test), where=test.name)
        return reading


def _only(root: Path, split: str) -> Path:
    found = sorted(root.glob(f"{split}*.json"))
    if not found:
        raise ValueError(
            f"{root} must hold train-v1.1.json and dev-v1.1.json, got no {split}*.json; put both from {ADDRESS} there, or "
            "set data.root"
        )
    if len(found) > 1:
        raise ValueError(
            f"{root} must have one file for each split, got {found[0].name} and {found[1].name}; move one away"
        )
    return found[0]


def _content(file: Path) -> Any:
    """What a file of JSON holds; bytes that are no UTF-8 become characters that are none."""
    text = file.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{file} must be JSON, got {error.msg} in line {error.lineno}; download it again from {ADDRESS}"
        ) from None
