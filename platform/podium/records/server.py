"""`podium server`: MLflow for a team, with accounts, on SQLite or PostgreSQL, artifacts in a folder or a bucket."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from podium.records.accounts import ADMIN, TRAINING, Accounts
from podium.records.mlflow_server import EVERYWHERE, Address, become, check_free, server_command
from podium.records.sizes import note_sizes
from podium.records.target import DATABASE_FILE, SQLITE, Target

ACCOUNTS_FILE = "accounts.db"
S3 = "s3://"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for; null stands for what is in ``folder``."""

    folder: Path
    database: str | None
    artifacts: str | None
    address: Address
    workers: int


def run_server(wishes: Wishes) -> int:
    """The command `podium server`: checks everything, makes what lacks, then becomes MLflow's server."""
    os.umask(0o077)  # accounts and runs are for the server's own eyes
    try:
        command, environment, lines = prepare(wishes)
    except (ValueError, OSError) as error:
        print(f"podium: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines), flush=True)
    become(command, environment)


def prepare(wishes: Wishes) -> tuple[list[str], dict[str, str], list[str]]:
    """Check what the server needs and make its accounts: its command, its environment, and what people must know.

    Raises:
        ValueError: something that it needs is not so.
    """
    folder = wishes.folder.resolve()
    _check_names(wishes.address)
    check_free(wishes.address.host, wishes.address.port)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, accounts = _stores(wishes, folder)
    environment = accounts.prepare()
    lines = [
        f"MLflow: {wishes.address.shown} (Ctrl-C ends it), from {target.uri}, artifacts in {target.artifacts}",
        f"accounts: {ADMIN}, with the password in {accounts.admin_password}; "
        f"{TRAINING} for training, {accounts.training_password}",
    ]
    return server_command(target, wishes.address, workers=wishes.workers, accounts=True), environment, lines


def _check_names(address: Address) -> None:
    if address.host in EVERYWHERE and not address.names:
        raise ValueError(
            f"name must be what clients call a server on all addresses ({address.host}), got none; "
            "add --name mlflow.example.org"
        )
    for name in address.names:
        if "*" in name or "/" in name or "," in name or not name:
            raise ValueError(f"name must be one host, got {name!r}; try --name mlflow.example.org")


def _stores(wishes: Wishes, folder: Path) -> tuple[Target, Accounts]:
    """Where runs and accounts are kept, once both can be used."""
    from podium.records.reach import check_bucket, check_database, check_packages, database_url

    s3 = (wishes.artifacts or "").startswith(S3)
    check_packages(postgres=wishes.database is not None, s3=s3)
    runs, accounts = f"{SQLITE}{folder / DATABASE_FILE}", f"{SQLITE}{folder / ACCOUNTS_FILE}"
    if wishes.database is None:
        note_sizes(folder / DATABASE_FILE)
    else:
        url = database_url(wishes.database)
        of_accounts = url.set(database=f"{url.database}_auth")
        for one in (url, of_accounts):
            check_database(one)
        runs, accounts = str(url), str(of_accounts)
    if s3:
        check_bucket(str(wishes.artifacts))
        artifacts = str(wishes.artifacts)
    else:
        artifacts = str(Path(wishes.artifacts).resolve() if wishes.artifacts else folder / "mlartifacts")
        Path(artifacts).mkdir(parents=True, exist_ok=True)
    return Target(uri=runs, artifacts=artifacts, experiment=""), Accounts(folder=folder, database=accounts)
