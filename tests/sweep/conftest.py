import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from podium.run.assemble import compose
from podium.sweep.plan import make_plan

from .driving import PYTHONPATH, TESTS
from .nodes import Nodes


@pytest.fixture
def plan_of(tmp_path, monkeypatch):
    """A plan made in an empty folder from the words of a command line."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: make_plan(arguments, compose)


@pytest.fixture(scope="session")
def ray_workers():
    """Ray once for all tests of this room, with workers that can import the fake trainer."""
    path = f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = path
    from podium.sweep.rays import local_ray

    with local_ray(2):
        yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def wait_until():
    def wait(condition, timeout_s=180.0):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.05)

    return wait


@pytest.fixture(scope="module")
def nodes():
    """The head of a Ray cluster whose nodes have a core each, and room for more of them."""
    folder = Path(tempfile.mkdtemp(prefix="nodes-"))  # short: sockets lie in it
    made = Nodes(folder, PYTHONPATH)
    try:
        made.start(1)
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
