"""CIFAR through torchvision: read, or downloaded first, each file with its published MD5."""

from http.client import HTTPException
from pathlib import Path

import numpy as np

from podium.data.arrays import Source
from podium.data.errors import one_line


def published(dataset: str, root: Path) -> tuple[Source, list[str]]:
    """Training and test split of torchvision's data set of this name below ``root``, and the names of its classes.

    Raises:
        ValueError: files are damaged, or cannot be had, or ``root`` cannot be written.
    """
    from torchvision import datasets  # late: seconds, and only for these data sets

    kind = getattr(datasets, dataset)
    place = root / kind.base_folder
    try:
        # torchvision leaves alone what is whole, and reads pickles only of the files that it knows by their MD5.
        parts = [kind(str(root), train=train, download=True) for train in (True, False)]
    except (OSError, EOFError, RuntimeError, HTTPException) as error:
        raise ValueError(
            f"{place} must hold the files of {dataset}, got {one_line(error)}; "
            f"delete that folder, and connect to the internet or put {kind.filename} into {root}"
        ) from None
    inputs = np.concatenate([part.data for part in parts]).transpose(0, 3, 1, 2)
    labels = np.concatenate([part.targets for part in parts]).astype(np.int64)
    return Source(np.ascontiguousarray(inputs), labels, test_start=len(parts[0].targets)), list(
        parts[0].classes
    )
