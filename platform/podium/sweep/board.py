"""Train many given configurations on this machine: what a board still misses."""

import os
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from podium.records.environment import Environment
from podium.records.record import RunRecord, Status, entry_hash
from podium.run.interrupts import Interrupted
from podium.sweep import tools
from podium.sweep.progress import SweepBar
from podium.sweep.rays import local_ray
from podium.sweep.trial import quietly

Config = dict[str, Any]
METRIC = "validation/top1_error"
GRACE_S = 20.0  # for runs to save themselves after Ctrl-C


def train_missing(
    configs: Sequence[Config],
    *,
    concurrency: int,
    train: Callable[..., RunRecord] = tools.train,
) -> list[RunRecord]:
    """The record of each configuration, trained where it has none. Ray starts only if some is missing.

    A run that raises is recorded as failed, and the others go on. The first seed of each entry has pictures.

    Raises:
        KeyboardInterrupt: Ctrl-C; the runs under way saved themselves, and the same call goes on.
    """
    records = [tools.find(config) for config in configs]
    missing = [k for k, record in enumerate(records) if not _is_done(record)]
    if missing:
        quiet = [quietly(configs[k]) for k in missing]
        with SweepBar(
            "board", total=len(configs), known=len(configs) - len(missing), unit="run", mode="min"
        ) as bar:
            made = _train_all(quiet, concurrency, train, bar)
        for k, record in zip(missing, made, strict=True):
            records[k] = record
    return [record for record in records if record is not None]


def _train_all(
    configs: Sequence[Config], concurrency: int, train: Callable[..., RunRecord], bar: SweepBar
) -> list[RunRecord]:
    """Keep so many runs going, each in a worker process that is used again."""
    made: dict[int, RunRecord] = {}
    drawn = first_seeds(configs)
    with local_ray(concurrency):
        import ray

        task = ray.remote(max_retries=0)(train_one)
        waiting = list(enumerate(configs))[::-1]
        under_way: dict[Any, int] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < concurrency:
                    k, config = waiting.pop()
                    threads = config["runtime"]["threads"] * config["runtime"]["devices"]
                    one = task.options(num_cpus=threads)
                    under_way[one.remote(config, train, str(Path.cwd()), k in drawn)] = k
                (ready,), _ = ray.wait(list(under_way), num_returns=1)
                k = under_way.pop(ready)
                made[k] = _result(ready, configs[k])
                bar.at(len(made), (made[k].metrics or {}).get(METRIC))
        except KeyboardInterrupt:
            for reference in under_way:
                ray.cancel(reference)
            ray.wait(list(under_way), num_returns=len(under_way), timeout=GRACE_S)
            raise
    return [made[k] for k in range(len(configs))]


def first_seeds(configs: Sequence[Config]) -> set[int]:
    """Which of the configurations is the one of its entry with the lowest seed."""
    order = sorted(range(len(configs)), key=lambda k: configs[k]["seed"], reverse=True)
    return set({entry_hash(configs[k]): k for k in order}.values())


def train_one(config: Config, train: Callable[..., RunRecord], folder: str, pictures: bool) -> RunRecord:
    """One run in a worker process, whatever happens to it; only an end that was asked for is passed on."""
    os.chdir(folder)
    try:
        return train(config, pictures=pictures)
    except Interrupted:
        raise
    except Exception as error:  # whatever it was, it is on the board, and the other runs go on
        return record_failure(config, " ".join(f"{type(error).__name__}: {error}".split()))


def record_failure(config: Config, reason: str) -> RunRecord:
    """The record of a run that failed, also where it failed before it had one."""
    from podium.run.folders import find_folders, find_record, run_folder

    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = find_record(config) or RunRecord(
        name=config["name"],
        entry_hash=entry_hash(config),
        seed=config["seed"],
        run_key=uuid.uuid4().hex,
        status=Status.FAILED,
        config=config,
        environment=Environment.capture(threads=config["runtime"]["threads"], gpus=[]),
        started=now,
        groups=list(config["runtime"]["groups"]),
        tags=dict(config["runtime"]["tags"]),
    )
    record = record.with_(status=Status.FAILED, error=reason, ended=now)
    record.save((find_folders(config) or [run_folder(config)])[0])
    return record


def _result(reference: Any, config: Config) -> RunRecord:
    import ray

    try:
        record: RunRecord = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Interrupted):
            raise KeyboardInterrupt from None
        raise
    except ray.exceptions.RayError as error:
        reason = f"its worker process ended: {type(error).__name__}; is there enough memory?"
        return record_failure(config, reason)
    return record


def _is_done(record: RunRecord | None) -> bool:
    return record is not None and record.status in (Status.FINISHED, Status.DIVERGED)
