import shutil
from pathlib import Path

import pytest

from leaderboard.factory import make_board, make_entry, write_failure, write_run, write_runs
from podium.leaderboard.build import build
from podium.records.record import Status

KEYS = ["linear", "dense32", "lecture_cnn", "cifar_resnet20"]


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of four entries whose last diverged on its last seed."""
    runs, out = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("reports") / "digits"
    folders = write_runs(runs, KEYS[:-1]) + [write_run(runs, KEYS[-1], seed) for seed in range(4)]
    folders.append(write_failure(runs, KEYS[-1], 4, Status.DIVERGED, "the loss was NaN at step 12"))
    build(make_board(KEYS), [make_entry(key) for key in KEYS], folders, out)
    return out


@pytest.fixture
def published(published_once: Path, tmp_path: Path) -> Path:
    """A copy of that board, to be edited."""
    return Path(shutil.copytree(published_once, tmp_path / "digits"))
