"""`podium ui`: MLflow's pages for the store of some runs, on this machine only."""

import os
import socket
import sys
from pathlib import Path

from podium.records.pusher import find_runs
from podium.records.record import RunRecord
from podium.records.target import DATABASE_FILE, SQLITE, Target, target_of

HOST = "127.0.0.1"


def run_ui(runs: Path, *, uri: str | None, port: int) -> int:
    """The command `podium ui`: becomes MLflow's server, or names the one that the runs use."""
    try:
        target = _target(runs, uri)
        if target.database is None:
            print(f"MLflow is at {target.shown}")
            return 0
        if not target.database.is_file():
            raise ValueError(
                f"{target.database} must be MLflow's database, got none; run `podium sync {runs}`"
            )
        _check_free(port)
    except ValueError as error:
        print(f"podium: {error}", file=sys.stderr)
        return 2
    print(f"MLflow: http://{HOST}:{port} (Ctrl-C ends it), from {target.database}", flush=True)
    command = server_command(target, port)
    os.execve(command[0], command, {**os.environ, **server_environment()})


def server_command(target: Target, port: int) -> list[str]:
    """MLflow's server for a SQLite store: one worker, this machine only."""
    names = f"{HOST}:{port},localhost:{port}"
    origins = f"http://{HOST}:{port},http://localhost:{port}"
    options = ["--host", HOST, "--port", str(port), "--workers", "1", "--allowed-hosts", names]
    options += ["--cors-allowed-origins", origins, "--backend-store-uri", target.uri]
    options += ["--artifacts-destination", str(target.artifacts)]
    return [sys.executable, "-m", "mlflow", "server", *options]


def server_environment() -> dict[str, str]:
    """No job runner, which costs half of the memory and start, and no telemetry."""
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _target(runs: Path, uri: str | None) -> Target:
    """The store at ``uri``, else that of the newest run, else the database beside the runs."""
    if uri is None:
        for folder in sorted(find_runs(runs), key=lambda folder: folder.stat().st_mtime, reverse=True):
            try:
                target = target_of(
                    RunRecord.load(folder).config.get("tracking") or {}, folder.parent.resolve()
                )
            except ValueError:
                continue
            if target is not None:
                return target
        uri = f"{SQLITE}{(runs / DATABASE_FILE).resolve()}"
    target = target_of({}, runs, uri=uri)
    assert target is not None
    return target


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            raise ValueError(
                f"port must be free, got {port}, which is taken; try --port {port % 60000 + 1}"
            ) from None
