"""Accounts of a team's MLflow server: passwords in files that only their owner reads, never a default one."""

import configparser
import os
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path

ADMIN = "admin"
TRAINING = "podium"  # the account that runs are sent with: it has no rights over others' experiments
PRIVATE = 0o600
SETTINGS = {
    "default_permission": "READ",
    "admin_username": ADMIN,
    "grant_default_workspace_access": "true",
    "auth_cache_ttl_seconds": "60",  # else each request costs a password hash, tens of milliseconds
}


@dataclass(frozen=True)
class Accounts:
    """Where a server keeps its accounts, and the files of its secrets."""

    folder: Path
    database: str

    @property
    def admin_password(self) -> Path:
        """The file with the administrator's password."""
        return self.folder / "admin-password"

    @property
    def training_password(self) -> Path:
        """The file with the password of the account that runs are sent with."""
        return self.folder / "podium-password"

    @property
    def session_key(self) -> Path:
        """The file with the key that signs the forms of MLflow's pages."""
        return self.folder / "session-key"

    @property
    def settings(self) -> Path:
        """The file that MLflow reads: no secret is in it."""
        return self.folder / "accounts.ini"

    def prepare(self) -> dict[str, str]:
        """Make the accounts and files that lack; the environment of the server.

        Raises:
            ValueError: a file of a secret can be read by others, is empty, or is lost while its account exists.
        """
        self._write_settings()
        session_key = secret_in(self.session_key, may_be_made=True)
        environment = {
            "MLFLOW_AUTH_CONFIG_PATH": str(self.settings),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": session_key,
        }
        os.environ.update(environment)  # read when MLflow's module is imported
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of MLflow's own making
            from mlflow.server.auth import store

        store.init_db(self.database)
        for name, file in ((ADMIN, self.admin_password), (TRAINING, self.training_password)):
            there = store.has_user(name)
            password = secret_in(file, may_be_made=not there)
            if not there:
                store.create_user(name, password, is_admin=name == ADMIN)
        return environment

    def _write_settings(self) -> None:
        settings = configparser.ConfigParser(interpolation=None)
        settings["mlflow"] = SETTINGS | {"database_uri": self.database}
        with self.settings.open("w", encoding="utf-8") as file:
            settings.write(file)


def secret_in(file: Path, *, may_be_made: bool) -> str:
    """The secret that a file holds; a new one of 256 bits where there is none.

    Raises:
        ValueError: others can read the file, or it is empty or lost and may not be made anew.
    """
    if not file.exists() and may_be_made:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w", encoding="utf-8"
        ) as made:
            made.write(secrets.token_hex(32))
    if not file.exists():
        raise ValueError(
            f"{file} must hold the password that its account was made with, got no file; restore it"
        )
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        raise ValueError(
            f"{file} must be readable by its owner alone, got mode {mode:o}; set a new secret or: chmod 600 {file}"
        )
    found = file.read_text(encoding="utf-8").strip()
    if not found:
        raise ValueError(f"{file} must hold a secret, got an empty file; restore it")
    return found
