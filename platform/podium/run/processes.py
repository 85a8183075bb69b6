"""Several workers as plain processes of this machine: so it works in a shell, a notebook and an actor of Ray alike."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from podium.run.errors import ConfigError, WorkerFailed
from podium.run.workers import GRACE_S, PULSE_S, Family, on_gpus

ORPHAN_S = 1.0  # between looks for the process that started this one


class Processes:
    """Starts a process of this machine for each worker."""

    def check(self, accelerator: str, workers: int) -> None:
        """Each worker has a GPU of its own, where they train on GPUs.

        Raises:
            ConfigError: there are too few.
        """
        if on_gpus(accelerator) and torch.cuda.device_count() < workers:
            raise ConfigError(
                f"runtime.devices must be at most the {torch.cuda.device_count()} GPUs that are here, got {workers}; "
                "lower it, or set runtime.accelerator=cpu"
            )

    def tags(self) -> dict[str, str]:
        """Nothing: the record's environment says which machine this is."""
        return {}

    @contextmanager
    def scratch(self, folder: Path) -> Iterator[Path]:
        """A folder of this machine."""
        with tempfile.TemporaryDirectory(prefix="podium-workers-") as place:
            yield Path(place)

    def begin(self, order: Path, workers: int) -> Family:
        """Start them, each in a session of its own: Ctrl-C is for the process that started them, which tells them."""
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
            with _log(order, rank).open("wb") as words:
                family.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "podium.run.worker", str(order), str(os.getpid())],
                        env={**os.environ, **{name: str(value) for name, value in own.items()}},
                        stdin=subprocess.DEVNULL,
                        stdout=words,
                        stderr=None if rank == 0 and sys.stderr.isatty() else words,  # where its bar is drawn
                        start_new_session=True,
                    )
                )
        return _Started(family, order)


class _Started:
    """Processes that train."""

    def __init__(self, family: list["subprocess.Popen[bytes]"], order: Path) -> None:
        self.family = family
        self.order = order

    def training(self) -> bool:
        """Whether any of them still trains.

        Raises:
            WorkerFailed: one ended badly.
        """
        running = None in [process.poll() for process in self.family]
        if any(process.returncode for process in self.family):
            raise WorkerFailed(self._failure())
        return running

    def ask(self, signum: int) -> None:
        """Ask all for an end."""
        for process in self.family:
            process.send_signal(signal.SIGTERM if signum == signal.SIGTERM else signal.SIGINT)

    def end(self) -> None:
        """End those that still train."""
        for process in self.family:
            process.kill()
            process.wait()

    def _failure(self) -> str:
        """Which worker failed, and its last words; the others are given a moment to fail for a reason of their own."""
        rank = next(k for k, process in enumerate(self.family) if process.returncode)
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and any(process.poll() is None for process in self.family):
            time.sleep(PULSE_S)
        said = _log(self.order, rank).read_text(errors="replace").strip().splitlines()
        return (
            f"worker {rank} of {len(self.family)} ended with code {self.family[rank].returncode}: "
            f"{said[-1] if said else 'no word'}"
        )


def end_with(parent: int) -> None:
    """End this process when the one that started it is gone: it has nobody to tell."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_S)
    os._exit(1)


def _log(order: Path, rank: int) -> Path:
    return order.with_name(f"{rank}.log")
