"""Several workers that train one network, each with its share of every batch.

The process that asked keeps the record and evaluates the trained network alone, so each example counts once; the
workers only train. How they are started is a parameter: as processes of this machine (run/processes.py), or on the
nodes of a cluster (sweep/together.py). What a worker does is the same: run/worker.py.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import safetensors.torch
import torch
from torch import nn

from podium.data.arrays import SplitName
from podium.data.base import DataModule
from podium.data.loader import BatchLoader
from podium.run.errors import ConfigError, WorkerFailed, WorkerLost
from podium.run.interrupts import Interrupted, Interrupts
from podium.run.recorder import Diverged
from podium.tasks.base import Task

ORDER_FILE, TOLD_FILE, STARTED_FILE, WEIGHTS = "order.json", "told.json", "started", "trained.safetensors"
PULSE_S = 0.05
GRACE_S = 10.0  # for the others, once one has ended badly: which of them was the first?


@dataclass(frozen=True)
class Order:
    """What every worker is told."""

    config: Mapping[str, Any]
    folder: Path
    resume: bool
    begin: int

    @classmethod
    def load(cls, path: Path) -> "Order":
        """Read an order."""
        told = json.loads(path.read_bytes())
        return cls(**{**told, "folder": Path(told["folder"])})

    def save(self, path: Path) -> None:
        """Write the order."""
        path.write_text(json.dumps({**vars(self), "folder": str(self.folder)}), encoding="utf-8")


@dataclass(frozen=True)
class Told:
    """What the first worker tells at its end."""

    outcome: Literal["finished", "paused", "diverged", "interrupted"]
    reason: str = ""
    signum: int = 0
    train_s: float = 0.0
    images_per_s: float = 0.0
    peak_mib: float = 0.0

    @property
    def costs(self) -> dict[str, float]:
        """What training took, as a record has it."""
        return {
            "train_images_per_s": self.images_per_s,
            "train_s": self.train_s,
            "peak_memory_mib": self.peak_mib,
        }


class Family(Protocol):
    """Workers that were started."""

    def training(self) -> bool:
        """Whether any of them still trains.

        Raises:
            WorkerFailed: one ended badly.
            WorkerLost: one is gone.
        """

    def ask(self, signum: int) -> None:
        """Ask all for an end, as that signal would."""

    def end(self) -> None:
        """End those that still train, at once."""


class Start(Protocol):
    """A way in which workers are started."""

    def check(self, accelerator: str, workers: int) -> None:
        """There is room for so many.

        Raises:
            ConfigError: there is not.
        """

    def tags(self) -> dict[str, str]:
        """What a record says of where they are."""

    def scratch(self, folder: Path) -> AbstractContextManager[Path]:
        """A folder for one training into a run's folder, which all workers see."""

    def begin(self, order: Path, workers: int) -> Family:
        """Start them on an order, each with its place in the environment, as torch's launcher would give it."""


def check_workers(task: Task, accelerator: str, workers: int) -> None:
    """A network can be trained by so many workers, to the same as by one.

    Raises:
        ConfigError: it cannot.
    """
    if workers == 1:
        return
    if task.by_rule:
        raise ConfigError(
            f"runtime.devices must be 1 for {type(task).__name__}, which corrects weights itself, got {workers}"
        )
    norm = nn.modules.batchnorm._BatchNorm
    if not on_gpus(accelerator) and any(isinstance(module, norm) for module in task.network.modules()):
        raise ConfigError(
            "runtime.devices must be 1 on the CPU with batch normalisation, which would see each worker's share alone, "
            f"got {workers}; use GPUs, or a network without it"
        )


def on_gpus(accelerator: str) -> bool:
    """Whether workers train on GPUs."""
    return accelerator in ("auto", "gpu") and torch.cuda.is_available()


def check_shares(data: DataModule, workers: int) -> None:
    """Every batch has an example for each worker.

    Raises:
        ValueError: one has not.
    """
    if workers == 1:
        return
    splits: tuple[SplitName, ...] = ("train", "validation")
    for split in splits:
        examples = data.examples(split)
        BatchLoader(examples, batch_size=data.batch_size, seed=0, shuffle=False).take_share(0, of=workers)


def tags(config: Mapping[str, Any]) -> dict[str, str]:
    """What a record says of a run with several workers."""
    workers, batch = config["runtime"]["devices"], config["data"]["batch_size"]
    if workers == 1:
        return {}
    return {"workers": str(workers), "examples_per_worker": f"{batch / workers:g} of {batch}"}


def train_together(
    config: Mapping[str, Any],
    folder: Path,
    network: nn.Module,
    *,
    resume: bool,
    begin: int,
    asked: Interrupts,
    after_first_step: Callable[[], None],
    start: Start,
) -> Told:
    """Train with the workers of ``runtime.devices``; the final weights are in ``network`` afterwards.

    Raises:
        Diverged: a loss was not finite.
        Interrupted: an end was asked for; the checkpoint is written.
        WorkerFailed: a worker ended badly, and the others with it.
        WorkerLost: a worker is gone, and the others were ended.
    """
    with start.scratch(folder) as scratch:
        order = Order(config=config, folder=folder.resolve(), resume=resume, begin=begin)
        order.save(scratch / ORDER_FILE)
        family = start.begin(scratch / ORDER_FILE, config["runtime"]["devices"])
        try:
            _wait(family, scratch, asked, after_first_step)
        except (WorkerFailed, WorkerLost):
            if asked.signum is not None:  # before it was ready to save, or while another was saving
                raise Interrupted(asked.signum) from None
            raise
        finally:
            family.end()
        told = Told(**json.loads((scratch / TOLD_FILE).read_bytes()))
        if told.outcome == "diverged":
            raise Diverged(told.reason)
        if told.outcome == "interrupted":
            raise Interrupted(told.signum)
        if told.outcome == "finished":
            network.load_state_dict(safetensors.torch.load_file(scratch / WEIGHTS), assign=True)
        return told


def _wait(family: Family, scratch: Path, asked: Interrupts, after_first_step: Callable[[], None]) -> None:
    started = forwarded = False
    while family.training():
        if asked.signum is not None and not forwarded:
            forwarded = True
            family.ask(asked.signum)
        if not started and (scratch / STARTED_FILE).exists():
            started = True
            after_first_step()
        time.sleep(PULSE_S)
