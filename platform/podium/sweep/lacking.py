"""Many configurations brought up to date: those without a final record are trained, while MLflow is fed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from podium.records.record import entry_hash
from podium.run.assemble import check_run
from podium.run.data_there import check_data
from podium.run.errors import ConfigError
from podium.run.folders import find_folders, find_record, is_final
from podium.sweep.packs import Pack, pack_runs

Config = dict[str, Any]


def train_lacking(
    title: str, planned: Sequence[Config], *, concurrency: int | None, pack: Pack
) -> list[Path]:
    """Train what has no final record, so many at a time (null: one a core); the folders of all runs, in that order.

    Runs of one shape are packed first, unless ``pack`` is off.

    Raises:
        ConfigError: one of the configurations cannot run, or its data are not there; nothing was trained.
    """
    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"--concurrency must be at least 1, got {concurrency}")
    missing = [config for config in planned if not is_final(find_record(config))]
    if missing:
        there = len(planned) - len(missing)
        print(f"{title}: {len(planned)} runs, {there} are there, {len(missing)} to train")
        _train_all(title, missing, concurrency=concurrency or len(os.sched_getaffinity(0)), pack=pack)
    return [folder for config in planned for folder in find_folders(config)]


def tagged(config: Config, *, kind: str, name: str, key: str) -> Config:
    """The run with the marks of the board (or whatever ``kind`` it is) and of its entry: MLflow shows them, and they do
    not change what the run is."""
    groups = [f"{kind}:{name}", f"entry:{config['name']}"]
    runtime = {**config["runtime"], "groups": groups, "tags": {kind: name, "entry": key}}
    return {**config, "runtime": runtime}


def _train_all(title: str, configs: Sequence[Config], *, concurrency: int, pack: Pack) -> None:
    """Check every configuration, then train them all, packed where they can be, while another process feeds MLflow."""
    from podium.sweep.board import train_missing
    from podium.sweep.command import Follower

    for config in configs:
        check_run(config)
    check_data(configs)
    follower = Follower(configs[0])
    follower.start()
    if pack == "auto":
        packed = pack_runs(configs, title=title, at_once=concurrency, pictures=True)
        print(packed)
        configs = [config for config in configs if (entry_hash(config), config["seed"]) not in packed.failed]
    train_missing(configs, concurrency=concurrency)
    follower.wait()
