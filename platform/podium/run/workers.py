"""Several workers on one machine that train one network: processes of ours, each with its share of every batch.

The process that asked keeps the record and evaluates the trained network alone, so each example counts once; the
workers only train. They are plain processes, and so this works in a shell, a notebook and an actor of Ray alike.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import safetensors.torch
import torch
from torch import nn

from podium.data.arrays import SplitName
from podium.data.base import DataModule
from podium.data.loader import BatchLoader
from podium.run.errors import ConfigError
from podium.run.interrupts import Interrupted, Interrupts
from podium.run.recorder import Diverged
from podium.tasks.base import Task

ORDER_FILE, TOLD_FILE, STARTED_FILE, WEIGHTS = "order.json", "told.json", "started", "trained.safetensors"
PULSE_S = 0.05
GRACE_S = 10.0  # for the others, once one has ended badly


@dataclass(frozen=True)
class Order:
    """What every worker is told."""

    config: Mapping[str, Any]
    folder: Path
    resume: bool
    parent: int

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


class WorkerFailed(RuntimeError):
    """A worker ended without having trained."""


def check_workers(task: Task, accelerator: str, workers: int) -> None:
    """A network can be trained by so many workers, to the same as by one.

    Raises:
        ConfigError: it cannot.
    """
    if workers == 1:
        return
    on_gpu = on_gpus(accelerator)
    if on_gpu and torch.cuda.device_count() < workers:
        raise ConfigError(
            f"runtime.devices must be at most the {torch.cuda.device_count()} GPUs that are here, got {workers}; "
            "lower it, or set runtime.accelerator=cpu"
        )
    if task.by_rule:
        raise ConfigError(
            f"runtime.devices must be 1 for {type(task).__name__}, which corrects weights itself, got {workers}"
        )
    norm = nn.modules.batchnorm._BatchNorm
    if not on_gpu and any(isinstance(module, norm) for module in task.network.modules()):
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
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> Told:
    """Train with the workers of ``runtime.devices``; the final weights are in ``network`` afterwards.

    Raises:
        Diverged: a loss was not finite.
        Interrupted: an end was asked for; the checkpoint is written.
        WorkerFailed: a worker ended badly, and the others with it.
    """
    with tempfile.TemporaryDirectory(prefix="podium-workers-") as place:
        scratch = Path(place)
        Order(config=config, folder=folder.resolve(), resume=resume, parent=os.getpid()).save(
            scratch / ORDER_FILE
        )
        family = _start(scratch, config["runtime"]["devices"])
        try:
            _wait(family, scratch, asked, after_first_step)
        finally:
            for process in family:
                process.kill()
                process.wait()
        told = Told(**json.loads((scratch / TOLD_FILE).read_bytes()))
        if told.outcome == "diverged":
            raise Diverged(told.reason)
        if told.outcome == "interrupted":
            raise Interrupted(told.signum)
        if told.outcome == "finished":
            network.load_state_dict(safetensors.torch.load_file(scratch / WEIGHTS), assign=True)
        return told


def _start(scratch: Path, workers: int) -> list["subprocess.Popen[bytes]"]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    group = {
        "WORLD_SIZE": workers,
        "LOCAL_WORLD_SIZE": workers,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    group |= {"GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": "podium"}
    family = []
    for rank in range(workers):
        own = group | {"RANK": rank, "LOCAL_RANK": rank}
        with (scratch / f"{rank}.log").open("wb") as words:
            family.append(
                subprocess.Popen(
                    [sys.executable, "-m", "podium.run.worker", str(scratch / ORDER_FILE)],
                    env={**os.environ, **{name: str(value) for name, value in own.items()}},
                    stdin=subprocess.DEVNULL,
                    stdout=words,
                    stderr=None if rank == 0 and sys.stderr.isatty() else words,  # where its bar is drawn
                    start_new_session=True,  # Ctrl-C is for the process that started them, which tells them
                )
            )
    return family


def _wait(
    family: list["subprocess.Popen[bytes]"],
    scratch: Path,
    asked: Interrupts,
    after_first_step: Callable[[], None],
) -> None:
    started = forwarded = False
    while None in [process.poll() for process in family]:
        if any(process.returncode for process in family):
            break
        if asked.signum is not None and not forwarded:
            forwarded = True
            for process in family:
                process.send_signal(signal.SIGTERM if asked.signum == signal.SIGTERM else signal.SIGINT)
        if not started and (scratch / STARTED_FILE).exists():
            started = True
            after_first_step()
        time.sleep(PULSE_S)
    if any(process.returncode for process in family):
        if asked.signum is not None:  # before it was ready to save, or while another was saving
            raise Interrupted(asked.signum)
        raise WorkerFailed(_failure(family, scratch))


def _failure(family: list["subprocess.Popen[bytes]"], scratch: Path) -> str:
    """Which worker failed, and its last words; the others are given a moment to fail for a reason of their own."""
    rank = next(k for k, process in enumerate(family) if process.poll())
    until = time.monotonic() + GRACE_S
    while time.monotonic() < until and any(process.poll() is None for process in family):
        time.sleep(PULSE_S)
    said = (scratch / f"{rank}.log").read_text(errors="replace").strip().splitlines()
    return f"worker {rank} of {len(family)} ended with code {family[rank].returncode}: {said[-1] if said else 'no word'}"
