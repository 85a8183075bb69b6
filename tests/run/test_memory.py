"""Memory that training gives back stays with its process, and is no part of the next run's peak."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="about Linux's C library")
STEPS = """
import ctypes
import resource
import sys
import torch
from podium.run import memory

torch.set_num_threads(1)
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # no huge pages, which take a fault in place of 512
if "keep" in sys.argv:
    memory.keep_memory()
if "hoard" in sys.argv:
    memory.give_back = lambda: None

def step():
    held = [torch.ones(2**21) for _ in range(8)]  # 8 MiB each, below what is mapped

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
with memory.PeakMemory() as peak:
    small = torch.ones(8)
print(int(peak.peak_mib))
"""


def measured(*words: str, **environment: str) -> tuple[int, int]:
    """Page faults of 20 steps that take and give back 64 MiB, and the peak in MiB of a little work after that."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    faults, peak = done.stdout.split()
    return int(faults), int(peak)


def test_memory_that_a_step_gives_back_is_there_for_the_next_unless_the_environment_says_otherwise() -> None:
    (kept, _), (given_back, _) = measured("keep"), measured("keep", MALLOC_TRIM_THRESHOLD_="131072")
    assert 10 * kept < given_back


def test_memory_that_is_kept_is_no_part_of_the_next_peak() -> None:
    (_, peak), (_, hoarded) = measured("keep"), measured("keep", "hoard")
    assert hoarded - peak > 32
