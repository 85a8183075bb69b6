"""Emoji pictures of Twitter, 64x64, in the 9 categories of Unicode: npm's package emoji-datasource-twitter 16.0.0.

Cal Henderson, https://github.com/iamcal/emoji-data; the pictures are Twitter's (CC BY 4.0). All 3,781 pictures but the 5
plain skin tones of the category Component, which are too few to learn. On white; no published test split. Skin tones,
man, woman and person, and the two directions of walking are variants of one emoji: they form a group that no split
tears apart, and so do emoji with the same picture, as the flags of Norway and of Svalbard.
"""

import json
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from podium.data.arrays import Indices, Source
from podium.data.base import DataModule
from podium.data.cache import cached
from podium.data.errors import one_line
from podium.data.image_file import BadImage, read_image

ARCHIVE = "emoji-datasource-twitter-16.0.0.tgz"
REMEDY = "npm pack emoji-datasource-twitter@16.0.0"
TABLE, PICTURES = "package/emoji.json", "package/img/twitter/64/"
LEFT_OUT = "Component"
# Skin tones, then the signs of woman, man and facing right with their joiner, then the wish for a coloured picture.
VARIANT = re.compile("-1F3F[B-F]|-200D-(?:2640|2642|27A1)|-FE0F")
PERSON = re.compile("1F468|1F469|1F9D1")  # man, woman, person


class Emoji(DataModule):
    """3,781 pictures of 64x64 pixels in 9 categories, from {root}/emoji-datasource-twitter-16.0.0.tgz."""

    name = "emoji"
    remedy = f"delete {{root}}/emoji.npz and {{root}}/{ARCHIVE}, and in {{root}} run: {REMEDY}"

    def load(self) -> Source:
        """Read npm's archive, or what was kept of it: decoding takes seconds."""
        root = Path(self.root)
        return cached(root / "emoji.npz", checksum=self.checksum, make=lambda: _read(root / ARCHIVE))


def _read(archive: Path) -> Source:
    if not archive.is_file():
        raise ValueError(f"emoji must be in {archive}, got no such file; in {archive.parent} run: {REMEDY}")
    try:
        table, files = _unpack(archive)
        rows = sorted(
            (variant["image"], emoji["category"], emoji_of(variant["unified"]))
            for emoji in table
            if emoji["category"] != LEFT_OUT
            for variant in _variants(emoji)
        )
        pictures = [np.asarray(read_image(files[name], suffix=".png")[0].convert("RGB")) for name, *_ in rows]
    except (
        OSError,
        EOFError,
        zlib.error,
        tarfile.TarError,
        ValueError,
        KeyError,
        TypeError,
        BadImage,
    ) as error:
        raise ValueError(f"{archive} must be npm's archive, got {one_line(error)}; {REMEDY} again") from None
    kinds = np.unique([kind for _, kind, _ in rows], return_inverse=True)[1]
    same_emoji = np.unique([base for *_, base in rows], return_inverse=True)[1]
    same_picture = np.unique([files[name] for name, *_ in rows], return_inverse=True)[1]
    inputs = np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))
    return Source(inputs, kinds.astype(np.int64), None, groups=joined(same_emoji, same_picture))


def _unpack(archive: Path) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    table: list[dict[str, Any]] = []
    files = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and member.name == TABLE:
                table = json.loads(file.read())
            elif file is not None and member.name.startswith(PICTURES):
                files[member.name.removeprefix(PICTURES)] = file.read()
    if not table:
        raise ValueError(f"no {TABLE}")
    return table, files


def _variants(emoji: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield emoji
    yield from emoji.get("skin_variations", {}).values()


def emoji_of(code: str) -> str:
    """The emoji that a code (1F3C3-1F3FB-200D-2640-FE0F) is a variant of (1F3C3)."""
    return PERSON.sub("1F9D1", VARIANT.sub("", code))


def joined(first: Indices, second: Indices) -> Indices:
    """The finest groups that keep together what shares a number in either."""
    from scipy.sparse import coo_array  # late: a quarter of a second, once
    from scipy.sparse.csgraph import connected_components

    size = int(first.max()) + int(second.max()) + 2
    edges = coo_array((np.ones(len(first)), (first, second + first.max() + 1)), shape=(size, size))
    components: Indices = connected_components(edges, directed=False)[1][first].astype(np.int64)
    return components
