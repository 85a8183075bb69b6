"""`podium leaderboard`: train what a board lacks, then build its pages from the records."""

import os
from collections.abc import Sequence
from typing import Any

from podium.leaderboard.board import Board, Entry
from podium.leaderboard.build import build
from podium.records.record import RunRecord
from podium.run.assemble import board_and_out, check_run, compose_seeds
from podium.run.errors import ConfigError
from podium.run.folders import find_folders, find_record, is_final

Config = dict[str, Any]


def leaderboard_command(overrides: Sequence[str], *, concurrency: int | None) -> int:
    """Bring a board up to date and say where its page is.

    Raises:
        ConfigError: no such board, or one of its entries cannot run; nothing was trained.
    """
    board, out = board_and_out(overrides)
    configs = {
        key: compose_seeds([f"entry={key}", *board.overrides], seeds=board.seeds) for key in board.entries
    }
    planned = [tagged(config, board, key) for key in board.entries for config in configs[key]]
    missing = [config for config in planned if not is_final(find_record(config))]
    if concurrency is not None and concurrency < 1:
        raise ConfigError(f"--concurrency must be at least 1, got {concurrency}")
    if missing:
        print(
            f"{board.title}: {len(planned)} runs, {len(planned) - len(missing)} are there, {len(missing)} to train"
        )
        train_all(missing, concurrency=concurrency or len(os.sched_getaffinity(0)))
    folders = [folder for config in planned for folder in find_folders(config)]
    entries = [Entry.from_config(key, configs[key][0]) for key in board.entries]
    table = build(board, entries, folders, out)
    print((out / "leaderboard.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'index.html'}")
    for row, run in table.troubles:
        print(f"not counted: {row.entry.name}, seed {run.seed}: {run.status} ({run.reason})")
    return 0


def tagged(config: Config, board: Board, key: str) -> Config:
    """The run with the board's and the entry's marks, which MLflow shows and which do not change what it is."""
    runtime = config["runtime"]
    groups = [f"board:{board.name}", f"entry:{config['name']}"]
    return {**config, "runtime": {**runtime, "groups": groups, "tags": {"board": board.name, "entry": key}}}


def train_all(configs: Sequence[Config], *, concurrency: int) -> list[RunRecord]:
    """Check every configuration, then train them all while another process feeds MLflow."""
    from podium.sweep.board import train_missing
    from podium.sweep.command import Follower

    for config in configs:
        check_run(config)
    follower = Follower(configs[0])
    follower.start()
    records = train_missing(configs, concurrency=concurrency)
    follower.wait()
    return records
