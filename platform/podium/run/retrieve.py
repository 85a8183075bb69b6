"""Image retrieval with a trained network: its last hidden features find the test images most like each test image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from podium.data.arrays import Examples
from podium.metrics.retrieval import nearest, recall_at
from podium.run import features
from podium.run.errors import ConfigError
from podium.run.evaluate import trained
from podium.visualize.neighbours import neighbours_grid

RANKS = (1, 5, 10)
SHOWN = 5  # neighbours in the picture
PICTURE_FILE = "nearest_images.png"


@dataclass(frozen=True)
class Retrieval:
    """Recall at k by k, over how many test examples, and the picture of some queries."""

    recall: dict[int, float]
    examples: int
    picture: Path


def retrieve(folder: Path, *, queries: int) -> Retrieval:
    """Recall at 1, 5 and 10 among the test examples of a finished run, and a picture of evenly chosen queries.

    Raises:
        ConfigError: the run has not finished, or its data are no classified images.
    """
    _, parts = trained(folder)
    if parts.data.targets != "classes" or len(parts.data.shape) != 3:
        raise ConfigError(
            f"{folder} must be a run on classified images, got {parts.data.name} with samples of "
            f"{parts.data.shape}; choose another run"
        )
    examples = parts.data.examples("test")
    if not 1 <= queries <= len(examples) or len(examples) <= max(RANKS):
        raise ConfigError(
            f"queries must be from 1 to the {len(examples)} test examples, of which {max(RANKS) + 1} are needed, "
            f"got {queries}"
        )
    vectors, label = features_of(parts.network, examples)
    found = nearest(vectors, max(RANKS))
    chosen = np.linspace(0, len(examples) - 1, queries).astype(np.int64)
    rows = np.concatenate([chosen[:, None], found[chosen, :SHOWN]], axis=1)
    picture = folder / PICTURE_FILE
    neighbours_grid(_images(examples, rows), [[str(label[k]) for k in row] for row in rows], picture)
    recall = {k: recall_at(label, found, k) for k in RANKS}
    return Retrieval(recall=recall, examples=len(examples), picture=picture)


def features_of(
    network: nn.Module, examples: Examples
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """What goes into the last layer, ``output``, for each example (examples, features), and the class numbers.

    Raises:
        ConfigError: the network has no layer of that name.
    """
    output = getattr(network, "output", None)
    if not isinstance(output, nn.Module):
        raise ConfigError(
            f"the network must have a last layer called output, got {type(network).__name__} without one; "
            "choose another run"
        )
    return features.features_of(network, output, examples), examples.target.numpy()


def _images(examples: Examples, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """(queries, columns, channels, height, width)."""
    images: npt.NDArray[np.float32] = examples.batch(torch.from_numpy(rows.ravel())).input.numpy()
    return images.reshape(*rows.shape, *images.shape[1:])
