import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .folders import Seen, Server, finished


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


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs, made once: making one takes seconds."""
    root = tmp_path_factory.mktemp("schema")
    from podium.records import sync

    finished(root / "a")
    assert sync.sync(root).problems == []
    return root / "mlflow.db"


@pytest.fixture
def runs(tmp_path: Path, schema: Path) -> Path:
    """A folder for runs beside an MLflow database, in which one foreign run is."""
    root = tmp_path / "runs"
    root.mkdir()
    shutil.copy(schema, root / "mlflow.db")
    return root
