"""Peak memory of a stretch of work."""

from contextlib import suppress
from pathlib import Path

import psutil
import torch

MIB = 1024 * 1024
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Highest memory between entering and leaving, in MiB.

    On a GPU: what the allocator held. Otherwise this process's resident memory, libraries included; Linux lets a
    process reset its own high-water mark, so earlier runs in the same process do not count. Where that is not possible,
    the resident memory at the end.
    """

    peak_mib: float = 0.0

    def __enter__(self) -> "PeakMemory":
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        with suppress(OSError):
            _CLEAR.write_text("5")
        return self

    def __exit__(self, *error: object) -> None:
        if torch.cuda.is_available() and torch.cuda.max_memory_allocated() > 0:
            self.peak_mib = torch.cuda.max_memory_allocated() / MIB
        else:
            self.peak_mib = _high_water_mib() or psutil.Process().memory_info().rss / MIB


def _high_water_mib() -> float | None:
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024
    return None
