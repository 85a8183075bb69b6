"""`podium ui`: MLflow's pages for the store of some runs, on this machine only."""

import sys
from pathlib import Path

from podium.records.mlflow_server import HERE, Address, become, check_free, server_command
from podium.records.pusher import find_runs
from podium.records.record import RunRecord
from podium.records.sizes import note_sizes
from podium.records.target import DATABASE_FILE, SQLITE, Target, target_of


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
        check_free(HERE, port)
    except ValueError as error:
        print(f"podium: {error}", file=sys.stderr)
        return 2
    note_sizes(target.database)
    address = Address(HERE, port)
    print(f"MLflow: {address.shown} (Ctrl-C ends it), from {target.database}", flush=True)
    become(server_command(target, address, workers=1, accounts=False), {})


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
