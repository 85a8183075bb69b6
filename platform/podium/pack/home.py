"""Where a pack trains: the device, the examples there, and the random streams that are drawn from there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from podium.contracts import Batch
from podium.data.arrays import Arrays
from podium.data.base import DataModule
from podium.pack.errors import Unpackable
from podium.run.engine import taken_along
from podium.run.workers import on_gpus

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Home:
    """A device and the examples of all lanes: on it where they are small, else in memory and brought batch by batch."""

    device: torch.device
    train: Arrays
    validation: Arrays

    @classmethod
    def of(cls, data: DataModule, device: torch.device) -> "Home":
        """The home of runs on these data.

        Raises:
            Unpackable: they are read from files.
        """
        splits = data.examples("train"), data.examples("validation")
        train, validation = (taken_along(split, device) for split in splits)
        if not isinstance(train, Arrays) or not isinstance(validation, Arrays):
            raise Unpackable("data that is read from files batch by batch cannot be packed")
        return cls(device, train, validation)

    def batch(self, split: Arrays, rows: Tensor | slice) -> Batch:
        """Examples of a split, on the device."""
        found = split.batch(rows)
        return Batch(found.input.to(self.device), found.target.to(self.device))


def device_of_runs(accelerator: str) -> torch.device:
    """Where a run of one worker trains."""
    return torch.device("cuda", 0) if on_gpus(accelerator) else CPU


def stream_of(device: torch.device) -> torch.Generator:
    """The random stream that torch's own functions draw from on a device."""
    if device.type != "cuda":
        return torch.default_generator
    torch.cuda.init()
    return torch.cuda.default_generators[device.index]


def streams_of(device: torch.device) -> tuple[torch.Generator, torch.Generator]:
    """What a run on a device draws from: the device's stream and that of the CPU, which may be the same."""
    return stream_of(device), torch.default_generator


def chosen(rows: Tensor, kept: Sequence[int]) -> Tensor:
    """The rows of some lanes, where they are."""
    return rows.index_select(0, torch.tensor(kept, dtype=torch.long).to(rows.device))


@contextmanager
def drawing_from(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Let torch's own functions go on with a lane's random stream; nothing of it is copied from the GPU."""
    own = stream_of(device)
    own.set_state(generator.get_state())
    yield
    generator.set_state(own.get_state())


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
