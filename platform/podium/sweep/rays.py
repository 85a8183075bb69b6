"""Ray on this machine alone: started for one piece of work, quiet, gone afterwards. Never by `ray stop`."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )
        _close_to_others(home)
    try:
        yield
    finally:
        if ours:
            ray.shutdown()


def _close_to_others(home: Path) -> None:
    """Ray writes the token of its cluster for everyone to read; let only its owner."""
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        home.chmod(0o700)
        (home / "auth_token").chmod(0o600)
    except OSError:
        return
