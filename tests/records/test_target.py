from pathlib import Path

import pytest

from podium.records.target import Target, target_of

from .folders import TRACKING


def test_relative_paths_start_at_the_runs_and_become_absolute(tmp_path: Path) -> None:
    assert target_of(TRACKING, tmp_path) == Target(
        uri=f"sqlite:///{tmp_path}/mlflow.db", artifacts=f"{tmp_path}/mlartifacts", experiment="podium"
    )


def test_another_address_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = target_of(TRACKING, Path("/elsewhere"), uri="sqlite:///other.db")
    assert found == Target(
        uri=f"sqlite:///{tmp_path}/other.db", artifacts=f"{tmp_path}/mlartifacts", experiment="podium"
    )


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    found = target_of(TRACKING, tmp_path, uri="https://me:secret@host:5000/path")
    assert found is not None
    assert found.shown == "https://host:5000/path"
    assert found.database is None


def test_without_an_address_there_is_no_store(tmp_path: Path) -> None:
    assert target_of({**TRACKING, "uri": None}, tmp_path) is None


@pytest.mark.parametrize("uri", ["runs", "file:///tmp/mlruns", "sqlite:///", "postgresql://host/db"])
def test_an_address_that_podium_cannot_use_is_named(tmp_path: Path, uri: str) -> None:
    with pytest.raises(
        ValueError, match=r"tracking\.uri must start with sqlite:///, http:// or https://, got"
    ):
        target_of({**TRACKING, "uri": uri}, tmp_path)
