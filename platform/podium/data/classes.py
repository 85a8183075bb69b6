"""Examples sorted into classes and splits, whether the names of folders, of files or a list says which is which."""

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from podium.data.image_content import Arrangement
from podium.data.image_scan import Scan

log = logging.getLogger(__name__)
VALIDATION = ("val", "validation", "valid")
NAMED = 10  # classes that an error names


def by_class(
    kinds: Sequence[str],
    in_test: npt.NDArray[np.bool_],
    *,
    declared: Collection[str],
    num_classes: int,
    where: str,
    published: bool,
) -> Arrangement:
    """Number the classes in the order of their names, and put training before the published test split.

    ``kinds`` has the class of every example, ``declared`` classes that must have one; the files of the result are the
    places of the examples.

    Raises:
        ValueError: classes are empty, not so many, or in the test split only.
    """
    trained = {kind for kind, test in zip(kinds, in_test.tolist(), strict=True) if not test}
    empty = sorted(set(declared) - set(kinds))
    if empty:
        raise ValueError(
            f"every class in {where} must hold an image, got none in {_some(empty)}; fill or remove their folders"
        )
    unknown = sorted(set(kinds) - trained)
    if unknown:
        raise ValueError(
            f"every class of the test split in {where} must be for training too, got {_some(unknown)}; "
            "remove these, or rename their folders as those for training"
        )
    if len(trained) != num_classes:
        raise ValueError(
            f"num_classes must be {len(trained)}, the number of classes in {where}, got {num_classes}; "
            f"set data.num_classes={len(trained)}"
        )
    names = sorted(trained)
    number = {name: place for place, name in enumerate(names)}
    labels = np.fromiter((number[kind] for kind in kinds), dtype=np.int64, count=len(kinds))
    order = np.argsort(in_test, kind="stable").astype(np.int64)
    start = int((~in_test).sum()) if published else None
    return Arrangement(order, labels[order], start, names)


def _some(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def by_folder(scan: Scan, *, training: Sequence[str], test: str | None, num_classes: int) -> Arrangement:
    """Sort images by the folder of their class, which lies in a folder of these splits (``.``: in the root).

    Raises:
        ValueError: an image lies in no class, or as ``by_class`` says.
    """
    kinds: list[str] = []
    in_test = np.zeros(len(scan.names), dtype=np.bool_)
    known: dict[bytes, tuple[str, bool]] = {}
    for place, name in enumerate(scan.names):
        folder = class_folder(scan, name, flat=training == ["."])
        if folder not in known:
            known[folder] = (
                os.fsdecode(folder.rpartition(b"/")[2]),
                os.fsencode(test or "/") == folder.partition(b"/")[0],
            )
        kind, in_test[place] = known[folder]
        kinds.append(kind)
    depth = 0 if training == ["."] else 1
    declared = {os.fsdecode(name.rpartition(b"/")[2]) for name in scan.folders if name.count(b"/") == depth}
    return by_class(
        kinds,
        in_test,
        declared=declared,
        num_classes=num_classes,
        where=str(scan.root),
        published=test is not None,
    )


def class_folder(scan: Scan, name: bytes, *, flat: bool) -> bytes:
    """The folder of an image's class: the first one, below that of its split if there are splits (not ``flat``).

    Raises:
        ValueError: the image lies in no such folder.
    """
    parts = name.split(b"/", 1 if flat else 2)
    if len(parts) < (2 if flat else 3):
        raise ValueError(
            f"every image in {scan.root} must lie in the folder of its class, got {os.fsdecode(name)}; move it there"
        )
    return b"/".join(parts[:-1])


def splits(root: Path) -> tuple[list[str], str | None]:
    """The folders for training and that for testing, as they are named; ``.`` where the root has no ``train``.

    ``test`` is for testing, or else ``val`` or ``validation``; with both, the latter joins training.
    """
    if not has_folders(root / "train"):
        return ["."], None
    validation = [name for name in VALIDATION if has_folders(root / name)]
    if has_folders(root / "test"):
        return ["train", *validation], "test"
    return ["train", *validation[1:]], validation[0] if validation else None


def folders_of_splits(root: Path) -> list[str]:
    """What to look through; images that were published for validation are said to be for training."""
    training, test = splits(root)
    if len(training) > 1:
        log.warning("images in %s are for training: validation is carved from these", ", ".join(training[1:]))
    return [*training, *([test] if test else [])]


def has_folders(path: Path) -> bool:
    """Whether there are folders in it that are not hidden."""
    if not path.is_dir():
        return False
    with os.scandir(path) as entries:
        return any(not entry.name.startswith(".") and entry.is_dir() for entry in entries)
