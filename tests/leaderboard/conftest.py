import shutil
from pathlib import Path
from typing import Any

import pytest

from leaderboard.badge_cases import make_report
from leaderboard.factory import make_board, make_entry, write_failure, write_run
from podium.leaderboard.build import build
from podium.records.record import Status

KEYS = ["linear", "dense32", "lecture_cnn", "cifar_resnet20"]


def publish(factory: pytest.TempPathFactory, **changes: Any) -> Path:
    """A board of four entries, of which the last diverged on its last seed; ``changes`` are for every record."""
    runs, out = factory.mktemp("runs"), factory.mktemp("reports") / "digits"
    planned = [(key, seed) for key in KEYS for seed in range(5)]
    folders = [write_run(runs, key, seed, **changes) for key, seed in planned[:-1]]
    folders.append(write_failure(runs, KEYS[-1], 4, Status.DIVERGED, "the loss was NaN at step 12"))
    build(make_board(KEYS), [make_entry(key) for key in KEYS], folders, out)
    return out


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole board."""
    return publish(tmp_path_factory)


@pytest.fixture(scope="session")
def plain_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board without learning curves, which take most of the time."""
    return publish(tmp_path_factory, history=None)


@pytest.fixture
def published(published_once: Path, tmp_path: Path) -> Path:
    """A copy of that board, to be edited."""
    return Path(shutil.copytree(published_once, tmp_path / "digits"))


@pytest.fixture(scope="session")
def weighted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of two rows without learning curves, whose records name their weights by hash."""
    return make_report(tmp_path_factory.mktemp("weighted"), ["linear", "dense32"])


@pytest.fixture
def report(weighted_once: Path, tmp_path: Path) -> Path:
    """A copy of that board, to be given badges."""
    return Path(shutil.copytree(weighted_once, tmp_path / "digits"))
