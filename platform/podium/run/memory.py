"""Memory of a process: what training gives back stays for its next step, and the highest that a stretch of work took."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import torch

MIB = 1024 * 1024
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
_MOST = 32 * MIB  # what it allows for the second


def keep_memory() -> None:
    """Let the C library keep the memory that steps of training give back, on Linux with glibc.

    By itself it hands large pieces back to the kernel, and the next step takes and clears them anew: in a fresh process that
    is a third of the time of a dense network of 1024-1024. What the environment sets (MALLOC_TRIM_THRESHOLD_) stays.
    """
    if (library := _glibc()) is not None and "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        library.mallopt(_MMAP_THRESHOLD, _MOST)
        library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def give_back() -> None:
    """Hand the memory that nobody uses back to the kernel."""
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


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
        give_back()
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
