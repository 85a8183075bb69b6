"""A sweep of the fake trainer in a process of its own, which tests end as they like."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
DRIVER = """
import sys
sys.path.insert(0, {tests!r})
from podium.run.assemble import compose
from podium.sweep import tuning
from podium.sweep.command import carry_out_sweep, check_configurations
from podium.sweep.plan import make_plan
from sweep import fake
{first}
plan, tools = make_plan({arguments!r}, compose), fake.tools()
configs = check_configurations(plan, tools)
plan.claim()
carry_out_sweep(plan, tools, configs[0])
"""
PYTHONPATH = os.pathsep.join(path for path in (str(TESTS), os.environ.get("PYTHONPATH", "")) if path)


def drive(
    arguments: list[str],
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    first: str = "",
    **how: Any,
) -> subprocess.Popen[Any]:
    """Begin a sweep in a folder; ``first`` is Python that it runs before, to take a protection away."""
    code = DRIVER.format(tests=str(TESTS), arguments=arguments, first=first)
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env={**environment, "PYTHONPATH": PYTHONPATH}, **how
    )


def workers_of(folder):
    """The processes that work in a folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found
