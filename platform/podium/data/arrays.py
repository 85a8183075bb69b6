"""What travels inside this room: the source as published, and the arrays of one split."""

import hashlib
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from torch import Tensor

SplitName = Literal["train", "validation", "test"]
Indices = npt.NDArray[np.int64]
IDX_TYPES = {"uint8": 0x08, "int32": 0x0C, "float32": 0x0D}
Inputs = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


class Source(NamedTuple):
    """A data set as published, before splitting and viewing.

    ``inputs`` has shape (n, *sample shape), uint8 (0 to 255) or float32; ``labels`` are class numbers, int64.
    From ``test_start`` on the examples are the published test split; None where none was published.
    """

    inputs: Inputs
    labels: Indices
    test_start: int | None


class Arrays(NamedTuple):
    """One split, ready for a network: inputs float32, class numbers int64, and the places in the source."""

    input: Float[Tensor, "n *sample"]
    target: Int[Tensor, " n"]
    index: Int[Tensor, " n"]  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


def content_hash(source: Source) -> str:
    """SHA-256 (hex) of the list of SHA-256 (hex, a line each) of the IDX files that would hold the source.

    They are inputs and labels of the training part, then, if published, of the test part. IDX is MNIST's own
    format and states type and shape, so the hash of a data set published in it follows from the hashes of its
    files.
    """
    parts = (
        [slice(None)]
        if source.test_start is None
        else [slice(source.test_start), slice(source.test_start, None)]
    )
    label_type = np.uint8 if source.labels.max() < 256 else np.int32
    lines = [
        hashlib.sha256(idx_bytes(array)).hexdigest() + "\n"
        for part in parts
        for array in (_drop_single_channel(source.inputs[part]), source.labels[part].astype(label_type))
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    """An array as an IDX file, http://yann.lecun.com/exdb/mnist/: type, sizes, values, all big-endian."""
    header = bytes([0, 0, IDX_TYPES[array.dtype.name], array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def _drop_single_channel(inputs: Inputs) -> Inputs:
    return inputs[:, 0] if inputs.ndim > 2 and inputs.shape[1] == 1 else inputs


def labels_hash(labels: Indices) -> str:
    """SHA-256 (hex) of class numbers as little-endian int64; predictions.npz is enough to recompute it."""
    return hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest()
