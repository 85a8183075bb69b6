"""What the commands of tools take, and where their work is done."""

import argparse
from pathlib import Path

from podium.arguments import Add, positive


def declare_tools(add: Add) -> None:
    """Add the commands."""
    sub = add("sync", _sync, "send to MLflow what it does not have yet")
    sub.add_argument(
        "runs", type=Path, nargs="?", default=Path("runs"), help="a run's folder, or many below it"
    )
    sub.add_argument("--uri", default=None, help="another MLflow than the runs' own")
    sub.add_argument(
        "--follow", action="store_true", help="stay and send while runs below the folder are training"
    )
    sub = add("ui", _ui, "open MLflow's pages on the runs' store")
    sub.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    sub.add_argument("--uri", default=None, help="another MLflow store")
    sub.add_argument("--port", type=positive, default=5000, help="port on this machine (default: 5000)")
    sub = add("server", _server, "serve MLflow to a team, with accounts")
    sub.add_argument(
        "--folder", type=Path, default=Path("server"), help="of passwords and SQLite (default: server)"
    )
    sub.add_argument("--database", default=None, help="postgresql://USER@HOST/NAME (default: SQLite)")
    sub.add_argument("--artifacts", default=None, help="a folder, or s3://BUCKET (default: in the folder)")
    sub.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    sub.add_argument("--port", type=positive, default=5000, help="port to listen on (default: 5000)")
    sub.add_argument(
        "--name", dest="names", action="append", default=[], help="by which clients call it; may be repeated"
    )
    sub.add_argument("--workers", type=positive, default=2, help="processes that answer (default: 2)")
    sub = add("completion", _completion, "print the script that makes a shell complete podium's words")
    sub.add_argument("shell", choices=("bash", "zsh"))


def _sync(args: argparse.Namespace) -> int:
    from podium.records.sync import run_sync

    return run_sync(args.runs, uri=args.uri, follow=args.follow)


def _ui(args: argparse.Namespace) -> int:
    from podium.records.ui import run_ui

    return run_ui(args.runs, uri=args.uri, port=args.port)


def _server(args: argparse.Namespace) -> int:
    from podium.records.mlflow_server import Address
    from podium.records.server import Wishes, run_server

    address = Address(args.host, args.port, tuple(args.names))
    return run_server(
        Wishes(
            folder=args.folder,
            database=args.database,
            artifacts=args.artifacts,
            address=address,
            workers=args.workers,
        )
    )


def _completion(args: argparse.Namespace) -> int:
    from podium.run.completion import SCRIPTS

    print(SCRIPTS[args.shell], end="")
    return 0
