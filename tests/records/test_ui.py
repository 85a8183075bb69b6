import os
import socket
from pathlib import Path

import pytest

from podium.records import ui

from .folders import config, finished


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that the process would become."""
    seen: list[list[str]] = []

    def become(program: str, command: list[str], environment: dict[str, str]) -> None:
        assert program == command[0]
        assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
        seen.append(command)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", become)
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_opens_the_store_of_the_runs_on_this_machine_only(tmp_path: Path, executed, capsys) -> None:
    finished(tmp_path / "a", config=config(uri="sqlite:///chosen.db"))
    (tmp_path / "chosen.db").write_bytes(b"")
    port = free_port()
    with pytest.raises(SystemExit):
        ui.run_ui(tmp_path, uri=None, port=port)
    text = " ".join(executed[0])
    assert f"--host 127.0.0.1 --port {port} --workers 1" in text
    assert f"--allowed-hosts 127.0.0.1:{port},localhost:{port}" in text
    assert f"sqlite:///{tmp_path}/chosen.db" in text
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out


def test_for_a_server_it_names_the_address_without_the_password(tmp_path: Path, executed, capsys) -> None:
    assert ui.run_ui(tmp_path, uri="https://me:secret@host:5000", port=free_port()) == 0
    assert capsys.readouterr().out == "MLflow is at https://host:5000\n"
    assert executed == []


def test_a_store_that_is_not_there_and_a_port_in_use_are_named(tmp_path: Path, executed, capsys) -> None:
    assert ui.run_ui(tmp_path, uri=None, port=free_port()) == 2
    assert "must be MLflow's database, got none" in capsys.readouterr().err
    (tmp_path / "mlflow.db").write_bytes(b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert ui.run_ui(tmp_path, uri=None, port=taken.getsockname()[1]) == 2
    assert "port must be free" in capsys.readouterr().err
    assert ui.run_ui(tmp_path, uri="postgres://x", port=free_port()) == 2
    assert "tracking.uri must start with" in capsys.readouterr().err
    assert executed == []
