"""Files of ratings: GroupLens' u.data, ratings.dat and ratings.csv, and recbole's *.inter, told apart by their first line.

Layouts: https://files.grouplens.org/datasets/movielens/ml-100k-README.txt, ml-1m-README.txt, ml-latest-README.html, and
https://recbole.io/atomic_files.html.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from podium.data.arrays import Indices
from podium.data.plain_text import read_text

PATTERNS = ("u.data", "ratings.dat", "ratings.csv", "*.inter")
FOLDERS = "ml-*"  # below data.root, as GroupLens' archives unpack
BELOW = 2**24  # exact as float32
REMEDY = "set data.root to u.data, ratings.dat, ratings.csv or a file *.inter"


class Ratings(NamedTuple):
    """Who rated what, and how: one entry a rating, in the order of the file."""

    user: Indices
    item: Indices
    value: npt.NDArray[np.float32]


class _Layout(NamedTuple):
    """What stands between fields, how many there are, where user, item and rating are, and whether a header leads."""

    separator: str
    fields: int
    places: tuple[int, int, int]
    headed: bool


def rating_files(root: Path, published: str | None) -> list[Path]:
    """The one file of ratings at ``root``, or the two of a published split, for training and for testing.

    Raises:
        ValueError: none is there, or several.
    """
    folder = root.parent if root.is_file() else root
    folders = [folder, *sorted(folder.glob(FOLDERS))]
    if published is not None:
        pairs = [[each / f"{published}.base", each / f"{published}.test"] for each in folders]
        whole = [pair for pair in pairs if all(file.is_file() for file in pair)]
        if len(whole) != 1:
            raise ValueError(
                f"{folder} must hold {published}.base and {published}.test once, got them {len(whole)} times; "
                "set data.root to the folder of ml-100k, or data.published=null with data.split.test=0.2"
            )
        return whole[0]
    if root.is_file():
        return [root]
    found = [file for each in folders for pattern in PATTERNS for file in sorted(each.glob(pattern))]
    if len(found) != 1:
        names = " and ".join(str(file.relative_to(root)) for file in found[:3]) or "none"
        raise ValueError(f"{root} must hold one file of ratings, got {names}; {REMEDY}")
    return found


def read_ratings(file: Path) -> Ratings:
    """The ratings of a file.

    Raises:
        ValueError: its layout is not known, a line is wrong, or there is none.
    """
    lines = read_text(file).split("\n")
    layout = _layout(lines[0], file)
    kinds = np.dtype([("user", np.int64), ("item", np.int64), ("value", np.float32)])
    rows = np.fromiter(_rows(lines, layout, file), dtype=kinds)
    if not len(rows):
        raise ValueError(f"{file} must hold ratings, got none; {REMEDY}")
    return Ratings(*(np.ascontiguousarray(rows[name]) for name in ("user", "item", "value")))


def _layout(first: str, file: Path) -> _Layout:
    header = first.split("\t")
    if "::" in first:
        return _Layout("::", 4, (0, 1, 2), headed=False)
    if first.split(",")[:3] == ["userId", "movieId", "rating"]:
        return _Layout(",", first.count(",") + 1, (0, 1, 2), headed=True)
    if ":" in header[0]:
        wanted = ("user_id:token", "item_id:token", "rating:float")
        if missing := [name for name in wanted if name not in header]:
            raise ValueError(
                f"{file} must have the column {missing[0]}, got {' '.join(header)} in line 1; choose a file of ratings"
            )
        user, item, value = (header.index(name) for name in wanted)
        return _Layout("\t", len(header), (user, item, value), headed=True)
    if len(header) > 1:
        return _Layout("\t", 4, (0, 1, 2), headed=False)
    raise ValueError(
        f"{file} must be ratings as GroupLens or recbole ship them, got {first[:60]!r} in line 1; {REMEDY}"
    )


def _rows(lines: list[str], layout: _Layout, file: Path) -> Iterator[tuple[int, int, float]]:
    """User, item and rating of every line; blank ones hold none."""
    for number, line in enumerate(lines[layout.headed :], start=1 + layout.headed):
        if not line.strip():
            continue
        parts = line.split(layout.separator)
        try:
            if len(parts) != layout.fields:
                raise ValueError
            user, item, value = (parts[place] for place in layout.places)
            row = _whole(user), _whole(item), float(value)
            if not math.isfinite(row[2]):
                raise ValueError
        except ValueError:
            raise ValueError(
                f"{file} must have {layout.fields} fields in every line, user and item as whole numbers below {BELOW:,} and "
                f"the rating as a number, got {line[:60]!r} in line {number}; correct it"
            ) from None
        yield row


def _whole(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number < BELOW:
        raise ValueError
    return number
