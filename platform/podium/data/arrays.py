"""What travels inside this room: the source as published, and the arrays of one split."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from torch import Tensor

SplitName = Literal["train", "validation", "test"]
Indices = npt.NDArray[np.int64]


class Source(NamedTuple):
    """A data set as published, before splitting and viewing.

    ``inputs`` has shape (n, *sample shape), uint8 (0 to 255) or float32; ``labels`` are class numbers, int64. From
    ``test_start`` on the examples are the published test split; None where none was published.
    """

    inputs: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    labels: Indices
    test_start: int | None


class Arrays(NamedTuple):
    """One split, ready for a network: inputs float32, class numbers int64, and each example's place in the source."""

    input: Float[Tensor, "n *sample"]
    target: Int[Tensor, " n"]
    index: Int[Tensor, " n"]
