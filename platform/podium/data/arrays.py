"""What travels inside this room: the source as published, and the arrays of one split."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from podium.contracts import Batch

SplitName = Literal["train", "validation", "test"]
Indices = npt.NDArray[np.int64]
IDX_TYPES = {"uint8": 0x08, "int32": 0x0C, "float32": 0x0D}
Inputs = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


class LazyInputs(Protocol):
    """Inputs that are read when they are asked for, by many threads at a time, and too many to be kept in memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        """Examples."""

    def __getitem__(self, rows: Indices) -> Inputs:
        """The inputs of these rows, (rows, *sample shape)."""


class Source(NamedTuple):
    """A data set as published, before splitting and viewing.

    ``inputs`` has shape (n, *sample shape), uint8 (0 to 255) or float32, in memory or lazy; ``labels`` are class
    numbers (n,) int64, masks (n, height, width) uint8 where 255 is ignored, boxes (n, most objects, 5) float32 of
    class, x1, y1, x2, y2 filled up with rows of -1, values (n, values) float32, or symbols
    or tags (n, length) int64.

    From ``test_start`` on the examples are the published test split; None where none was published. ``content`` is the
    hash of a source that says it itself, as lazy ones do. ``groups`` (n,) int64 has one number for all examples that no
    split may tear apart, as variants of one picture.
    """

    inputs: Inputs | LazyInputs
    labels: npt.NDArray[Any]
    test_start: int | None
    content: str | None = None
    groups: Indices | None = None

    @property
    def strata(self) -> Indices:
        """What splits keep in proportion: the classes, where an example has one."""
        if self.labels.ndim == 1:
            return self.labels
        return np.zeros(len(self.labels), dtype=np.int64)


class Examples(Protocol):
    """One split as a network sees it, in the order of the source."""

    @property
    def index(self) -> Tensor:
        """The places in the source, (n,)."""

    @property
    def target(self) -> Tensor:
        """The targets of all examples, (n, ...)."""

    @property
    def ahead(self) -> int:
        """How many batches it pays to read ahead; 0 for what is in memory."""

    def __len__(self) -> int:
        """Examples."""

    def at(self, epoch: int) -> "Examples":
        """The examples as they are in an epoch, if they are others in each."""

    def batch(self, rows: Tensor | slice) -> Batch:
        """The examples of these rows."""


@dataclass(frozen=True)
class Arrays:
    """A split in memory: inputs float32, targets, and the places in the source."""

    input: Float[Tensor, "n *sample"]
    target: Shaped[Tensor, "n *target"]
    index: Int[Tensor, " n"]
    ahead: int = 0

    def __len__(self) -> int:
        """Examples."""
        return len(self.index)

    def at(self, epoch: int) -> "Arrays":
        """The same in every epoch."""
        return self

    def batch(self, rows: Tensor | slice) -> Batch:
        """The examples of these rows; those of a slice share the split's memory."""
        if isinstance(rows, slice):
            return Batch(self.input[rows], self.target[rows])
        rows = rows.to(self.input.device)
        return Batch(self.input.index_select(0, rows), self.target.index_select(0, rows))


def resident(examples: Examples, device: torch.device, *, free: int) -> Examples:
    """The same examples on a device, if they are in memory and take less than half of its free bytes; else as they are."""
    if not isinstance(examples, Arrays) or 2 * (examples.input.nbytes + examples.target.nbytes) > free:
        return examples
    return replace(examples, input=examples.input.to(device), target=examples.target.to(device))


@dataclass(frozen=True)
class Lazy:
    """A split whose inputs are read batch by batch; ``show`` turns them into what a network sees."""

    inputs: LazyInputs
    show: Callable[[Inputs], npt.NDArray[np.float32]]
    target: Shaped[Tensor, "n *target"]
    index: Int[Tensor, " n"]
    ahead: int = 2

    def __len__(self) -> int:
        """Examples."""
        return len(self.index)

    def at(self, epoch: int) -> "Lazy":
        """The same in every epoch."""
        return self

    def batch(self, rows: Tensor | slice) -> Batch:
        """Read the examples of these rows."""
        values = self.show(self.inputs[self.index[rows].numpy()])
        return Batch(torch.from_numpy(values), self.target[rows])


def content_hash(source: Source) -> str:
    """SHA-256 (hex) of the list of SHA-256 (hex, a line each) of the IDX files that would hold the source.

    They are inputs and labels of the training part, then, if published, of the test part. IDX is MNIST's own
    format and states type and shape, so the hash of a data set published in it follows from the hashes of its
    files.
    """
    assert isinstance(source.inputs, np.ndarray)  # lazy sources say their hash themselves
    parts = (
        [slice(None)]
        if source.test_start is None
        else [slice(source.test_start), slice(source.test_start, None)]
    )
    lines = [
        hashlib.sha256(idx_bytes(array)).hexdigest() + "\n"
        for part in parts
        for array in (_drop_single_channel(source.inputs[part]), _labels_as_published(source.labels)[part])
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _labels_as_published(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class numbers as bytes if they are small enough, else as int32; boxes as float32."""
    if not np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.float32)
    return labels.astype(np.uint8 if labels.max() < 256 else np.int32)


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    """An array as an IDX file, http://yann.lecun.com/exdb/mnist/: type, sizes, values, all big-endian."""
    header = bytes([0, 0, IDX_TYPES[array.dtype.name], array.ndim])
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def _drop_single_channel(inputs: Inputs) -> Inputs:
    return inputs[:, 0] if inputs.ndim > 2 and inputs.shape[1] == 1 else inputs
