"""Small runs that several tests look at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.networks.lecture_cnn import LectureCNN
from podium.run.assemble import compose

Settings = Callable[..., dict[str, Any]]


def quick(folder: Path, *more: str) -> dict[str, Any]:
    """A run of a second: its configuration, trained below ``folder`` on the CPU and tracked nowhere."""
    paths = (f"paths.runs={folder / 'runs'}", f"paths.data={folder / 'data'}")
    plain = ("network=dense32", "trainer.max_epochs=2", "tracking=none", "runtime.progress=false")
    return compose([*paths, *plain, "runtime.accelerator=cpu", *more])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The configuration of a quick run in this test's folder, with more overrides."""
    return lambda *more: quick(tmp_path, *more)


@pytest.fixture(scope="session")
def settings_in() -> Settings:
    """The configuration of a quick run in a given folder, for runs that several tests share."""
    return quick


@pytest.fixture
def lecture_cnn() -> LectureCNN:
    """The lecture's network for handwritten digits."""
    return LectureCNN(
        in_shape=[1, 28, 28],
        num_classes=10,
        filters=[32, 32],
        widths=[64],
        activation="relu",
        norm="none",
        use_bias=True,
        padding="valid",
    )
