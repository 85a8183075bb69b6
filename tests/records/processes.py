"""Servers in processes of their own: waited for, and ended with all that they have started."""

import subprocess
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil


def wait_for_health(uri: str, process: subprocess.Popen[bytes], log: Path, *, at_most_s: float) -> None:
    """Return once a server of MLflow answers; ``log`` is what is shown when it does not."""
    until = time.monotonic() + at_most_s
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, and wait until all are gone."""
    parent = psutil.Process(process.pid)
    family = [*parent.children(recursive=True), parent]
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()
    psutil.wait_procs(family, timeout=10)
