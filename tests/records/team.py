"""A team's server as `podium server` starts it: PostgreSQL, a bucket of an S3 emulator, accounts."""

import base64
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from .postgres import Postgres, free_port
from .processes import end, wait_for_health

BUCKET = "mlflow"
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class TeamServer:
    """`podium server` on this machine. ``strip`` are words of MLflow's command that are left out."""

    def __init__(self, folder: Path, postgres: Postgres, s3: str) -> None:
        self.folder, self.postgres, self.s3 = folder, postgres, s3
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What an administrator sets before the command."""
        own = {"PGPASSWORD": self.postgres.password, "MLFLOW_S3_ENDPOINT_URL": self.s3, **KEYS}
        return {**os.environ, **own}

    @property
    def words(self) -> list[str]:
        """The command's options."""
        stores = ["--database", self.postgres.uri, "--artifacts", f"s3://{BUCKET}"]
        return ["--folder", str(self.folder), "--port", str(self.port), *stores]

    def start(self) -> None:
        self._start([sys.executable, "-m", "podium", "server", *self.words])

    def start_open(self) -> None:
        """The same server without its accounts and allowed hosts, as a control."""
        code = (
            "import sys; from podium.records import mlflow_server as m; m.ACCOUNTS = []\n"
            "m.Address.allowed_hosts = ['*']\n"
            "from podium.cli import main; main(['server', *sys.argv[1:]])"
        )
        self._start([sys.executable, "-c", code, *self.words])

    def _start(self, command: list[str]) -> None:
        log = self.folder.with_suffix(".log")
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                command, stdout=said, stderr=said, env=self.environment, start_new_session=True
            )
        wait_for_health(self.uri, self.process, log, at_most_s=150)

    def stop(self) -> None:
        if self.process is None:
            return
        end(self.process)
        self.process = None

    def password(self, name: str = "podium") -> str:
        return (self.folder / f"{name}-password").read_text()

    def answer(self, *, user: str | None = None, password: str = "", host: str | None = None) -> int:
        """The code with which the server answers a request for its experiments."""
        headers = {}
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if host:
            headers["Host"] = host
        place = f"{self.uri}/api/2.0/mlflow/experiments/search?max_results=1"
        try:
            with urllib.request.urlopen(urllib.request.Request(place, headers=headers), timeout=30) as got:
                return int(got.status)
        except urllib.error.HTTPError as error:
            return error.code


def client_environment(server: TeamServer, *, password: str | None = None) -> dict[str, str]:
    """What somebody of the team sets."""
    login = {
        "MLFLOW_TRACKING_USERNAME": "podium",
        "MLFLOW_TRACKING_PASSWORD": password or server.password(),
    }
    return {**os.environ, **login}
