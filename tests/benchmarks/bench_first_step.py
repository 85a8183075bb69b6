"""How long `podium train` takes to its first step, against importing torch and pytorch_lightning alone.

Both in fresh interpreters, one after the other in pairs, so that a busy moment of the machine hits both.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Note = Callable[..., None]
PAIRS = 5
MOST = 1.3
IMPORTS = "import os, torch, pytorch_lightning; os._exit(0)"  # neither side pays for ending
FIRST_STEP = """
import os, sys
from podium.run import command
from podium.run.assemble import compose
config = compose(sys.argv[1:])
from podium.run.train import train
train(config, after_first_step=lambda: os._exit(0))
sys.exit("there was no first step")
"""


def seconds(code: str, *words: str) -> tuple[float, float]:
    """Wall and processor time of a fresh interpreter until its code ends."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, *words], check=True, env=environment)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.timeout(1800)
def test_the_first_step_comes_soon_after_the_imports(tmp_path: Path, note: Note) -> None:
    seconds(IMPORTS)  # both read warm files
    walls, processors = [], []
    for pair in range(PAIRS):
        paths = (f"paths.runs={tmp_path / str(pair)}", f"paths.data={tmp_path}")
        first = seconds(FIRST_STEP, *paths, "tracking=none", "runtime.progress=false")
        imports = seconds(IMPORTS)
        walls.append(first[0] / imports[0])
        processors.append(first[1] / imports[1])
        print(
            f"\nfirst step {first[0]:.2f} s, imports {imports[0]:.2f} s, ratio {walls[-1]:.2f}",
            end="",
            flush=True,
        )
    middle, low, high = statistics.median(walls), min(walls), max(walls)
    note(
        what="`podium train` to its first step",
        against="importing torch and pytorch_lightning",
        measured=f"{middle:.2f}x ({low:.2f} to {high:.2f}; processor time {statistics.median(processors):.2f}x)",
        must=f"{MOST}x",
        goal="",
        met=middle <= MOST,
    )
