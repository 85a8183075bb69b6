from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .folders import Seen, Server


@pytest.fixture
def look() -> Callable[[str], Seen]:
    def at(uri: str) -> Seen:
        from podium.records.store import MlflowClient

        return Seen(MlflowClient(tracking_uri=uri))

    return at


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = Server(folder)
    yield made
    made.stop()
