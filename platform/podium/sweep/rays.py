"""Ray for one piece of work: started on this machine alone, or a running cluster that is joined. Never by `ray stop`."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from podium.run.errors import ConfigError
from podium.sweep.settings import Cluster
from podium.sweep.shipping import check_nodes, shipped

OBJECT_STORE_BYTES = (
    128 * 1024 * 1024
)  # configurations and records are small; the default takes 30% of the memory
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C raises here; the same command goes on
    "TUNE_GLOBAL_CHECKPOINT_S": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}
ON_NODES = ("RAY_CHDIR_TO_TRIAL_DIR", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")  # of these, what workers read
ANSWER_S = 10.0
STARTS = 3
TOO_SLOW = "timed out during startup"
TOKENS = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@contextmanager
def ray_of(cluster: Cluster, cpus: int) -> Iterator[None]:
    """Have the Ray that a configuration names: on this machine with some cores, or a cluster that is joined.

    Raises:
        ConfigError: the cluster cannot be joined, or its nodes are not fit for this work.
    """
    with local_ray(cpus) if cluster.address == "local" else joined_ray(cluster.address):
        yield


@contextmanager
def local_ray(cpus: int) -> Iterator[None]:
    """Have Ray with some cores; one that already runs in this process is used and left running."""
    os.environ.update(SETTINGS)
    home = Path.home() / ".ray"
    _close_to_others(home)
    import ray

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    ours = not ray.is_initialized()
    if ours:
        _start(cpus)
        _close_to_others(home)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _start(cpus: int) -> None:
    """Ray gives its own processes 30 s, which is too little on a machine that is busy at the moment."""
    import ray

    for _ in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=OBJECT_STORE_BYTES,
            )
            return
        except Exception as error:  # Ray has no class for it
            if TOO_SLOW not in str(error):
                raise
            ray.shutdown()
    raise ConfigError(
        f"Ray must start within 30 s, got {STARTS} times that it did not; wait until this machine is less busy"
    )


@contextmanager
def joined_ray(address: str) -> Iterator[None]:
    """Join a running cluster with its token, ship podium and conf/ to it, and see that every node is fit.

    Raises:
        ConfigError: no token, no cluster at the address, or a node with other packages or another folder.
    """
    if not any(os.environ.get(name) for name in TOKENS):
        raise ConfigError(
            f"cluster.address={address} needs the cluster's token, got none; set RAY_AUTH_TOKEN_PATH to its file"
        )
    _check_answers(address)
    os.environ.update(SETTINGS | {"RAY_AUTH_MODE": "token"})
    import ray

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with shipped() as package:
        variables = {name: SETTINGS[name] for name in ON_NODES}
        try:
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"py_modules": [str(package)], "env_vars": variables},
            )
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"cluster.address must be a Ray cluster that opens to this token, got {address}: {reason}; "
                "call podium on one of its nodes"
            ) from None
        try:
            check_nodes(package)
            yield
        finally:
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        if host:
            socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:  # the latter: no such port
        raise ConfigError(
            f"cluster.address must be that of a running cluster, got {address}: {error}; see where its head listens"
        ) from None


def _close_to_others(home: Path) -> None:
    """Ray writes the token of its cluster for everyone to read; let only its owner."""
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        home.chmod(0o700)
        (home / "auth_token").chmod(0o600)
    except OSError:
        return
