"""Energy of a stretch of work, where the machine can tell; never an estimate.

On a CPU: the counters of its packages (RAPL), which the kernel shows below /sys/class/powercap, mostly to root alone.
They count whatever the packages did, also for others. On an NVIDIA GPU: the power that nvidia-smi reads, times seconds.
"""

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]*"  # also on AMD; parts of a package have a second colon, and are in its sum
SAMPLES_MS = 50
MICRO = 1e-6


class Energy:
    """Joules between entering and leaving; null where the machine does not tell."""

    joules: float | None = None

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __enter__(self) -> "Energy":
        self._power = _power_of(self._device) if self._device.type == "cuda" else None
        self._before = _packages() if self._device.type == "cpu" else {}
        self._began = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        seconds = time.perf_counter() - self._began
        if self._power is not None:
            self._power.terminate()
            watts = _numbers(self._power.communicate()[0])
            self.joules = seconds * sum(watts) / len(watts) if watts else None
        elif self._before:
            after = _packages()
            if after.keys() == self._before.keys():
                spent = (
                    (now - self._before[path]) % (_micro(path / "max_energy_range_uj") or 2**63)
                    for path, now in after.items()
                )
                self.joules = MICRO * sum(spent)


def _packages() -> dict[Path, int]:
    """The counters of all packages in microjoules; none where one of them cannot be read."""
    found = {
        path: _micro(path / "energy_uj")
        for path in sorted(POWERCAP.glob(PACKAGES))
        if path.name.count(":") == 1
    }
    counters = {path: value for path, value in found.items() if value is not None}
    return counters if len(counters) == len(found) else {}


def _micro(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _power_of(device: torch.device) -> "subprocess.Popen[str] | None":
    """A process that writes the watts of a GPU, line by line; null without nvidia-smi."""
    properties: Any = torch.cuda.get_device_properties(device)
    command = ["nvidia-smi", f"--id=GPU-{properties.uuid}", "--query-gpu=power.draw"]
    command += ["--format=csv,noheader,nounits", f"--loop-ms={SAMPLES_MS}"]
    with suppress(OSError):
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return None


def _numbers(lines: str) -> list[float]:
    found = []
    for line in lines.splitlines():
        with suppress(ValueError):
            found.append(float(line))
    return found
