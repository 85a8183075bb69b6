"""How an MLflow server process is started: its address, who may ask it, and no job runner."""

import errno
import os
import socket
import sys
from dataclasses import dataclass
from typing import NoReturn

from podium.records.target import Target

HERE = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")
ACCOUNTS = ["--app-name", "basic-auth"]


@dataclass(frozen=True)
class Address:
    """Where a server listens, and by which further ``names`` its clients call it, with or without a port."""

    host: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def allowed_hosts(self) -> list[str]:
        """What may stand in a request's Host header: anything else is another site's page that asks."""
        called = [HERE, "localhost", *self.names]
        if self.host not in (HERE, *EVERYWHERE):
            called.append(self.host)
        with_port = [name if _has_port(name) else f"{name}:{self.port}" for name in called]
        return list(dict.fromkeys([*with_port, *self.names]))  # behind a proxy the port is not said

    @property
    def origins(self) -> list[str]:
        """Pages that may ask in a browser: the server's own."""
        return [f"{scheme}://{name}" for name in self.allowed_hosts for scheme in ("http", "https")]

    @property
    def shown(self) -> str:
        """The address for people."""
        return f"http://{self.names[0] if self.names else self.host}:{self.port}"


def server_command(target: Target, address: Address, *, workers: int, accounts: bool) -> list[str]:
    """MLflow's server for a store; with ``accounts`` each request needs a user and a password."""
    options = ["--host", address.host, "--port", str(address.port), "--workers", str(workers)]
    options += ACCOUNTS if accounts else []
    options += ["--allowed-hosts", ",".join(address.allowed_hosts)]
    options += ["--cors-allowed-origins", ",".join(address.origins), "--backend-store-uri", target.uri]
    options += ["--artifacts-destination", str(target.artifacts)]
    return [sys.executable, "-m", "mlflow", "server", *options]


def server_environment() -> dict[str, str]:
    """No job runner, which costs half of the memory and start, and no telemetry."""
    return {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


def become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Go on as MLflow's server, so that signals reach it."""
    os.execve(command[0], command, {**os.environ, **server_environment(), **environment})


def check_free(host: str, port: int) -> None:
    """A server can listen there.

    Raises:
        ValueError: the port is taken or not allowed, or the host is no address of this machine.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except socket.gaierror:
        raise ValueError(f"host must be an address of this machine, got {host}; try --host {HERE}") from None
    except (OSError, OverflowError) as error:
        reason = error.errno if isinstance(error, OSError) else None
        if reason == errno.EADDRNOTAVAIL:
            raise ValueError(
                f"host must be an address of this machine, got {host}; try --host {HERE}"
            ) from None
        taken = "which needs an administrator" if reason == errno.EACCES else "which is taken"
        other = port % 60000 + (5000 if port < 1024 else 1)
        raise ValueError(f"port must be free, got {port}, {taken}; try --port {other}") from None


def _has_port(name: str) -> bool:
    return name.rpartition(":")[2].isdecimal()
