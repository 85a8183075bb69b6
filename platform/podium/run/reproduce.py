"""Train a published row again from its records, in a fresh folder, and say how close the result is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from podium.leaderboard.statistics import mean_interval
from podium.records.environment import differences
from podium.records.record import RunRecord, Status
from podium.run.assemble import check_run
from podium.run.errors import ConfigError
from podium.run.folders import PREDICTIONS_FILE, WEIGHTS_FILE
from podium.run.train import train


class Verdict(StrEnum):
    """How close a repetition came."""

    BIT_EQUAL = "bit-equal"
    WITHIN = "within the interval"
    NOT = "not reproduced"


@dataclass(frozen=True)
class Repetition:
    """One run trained again: the published record, the new one, and whether weights and predictions are the same bits."""

    published: RunRecord
    again: RunRecord
    bit_equal: bool


@dataclass(frozen=True)
class Reproduction:
    """A row trained again. ``reasons`` say what differs between then and now, when not every bit is the same."""

    verdict: Verdict
    repetitions: list[Repetition]
    interval: tuple[float, float]
    reasons: list[str]


def reproduce(
    records: Sequence[RunRecord],
    folder: Path,
    *,
    metric: str,
    data_root: str,
    on_run: Callable[[RunRecord], None] = lambda _: None,
) -> Reproduction:
    """Train every published run of one row again below ``folder``; ``on_run`` is called after each.

    The row's interval is that of ``metric``, by its logged name.

    Raises:
        ConfigError: there is nothing to repeat, or a record's configuration cannot be run by this version.
    """
    finished = [record for record in records if record.status is Status.FINISHED]
    if not finished:
        raise ConfigError(
            f"a row needs a finished run to repeat, got {len(records)} that did not; choose another row"
        )
    repetitions = []
    for record in finished:
        again = train(fresh_config(record, folder, data_root=data_root))
        repetitions.append(Repetition(published=record, again=again, bit_equal=_same_bits(record, again)))
        on_run(again)
    interval = mean_interval([_score(record, metric) for record in finished])
    return Reproduction(
        verdict=_verdict(repetitions, interval, metric),
        repetitions=repetitions,
        interval=interval,
        reasons=_reasons(repetitions),
    )


def fresh_config(record: RunRecord, folder: Path, *, data_root: str) -> dict[str, Any]:
    """A record's configuration, to be trained again elsewhere and tracked nowhere.

    Raises:
        ConfigError: this version cannot run it.
    """
    config = {
        **record.config,
        "data": {**record.config["data"], "root": data_root},
        "paths": {"data": data_root, "runs": str(folder)},
        "runtime": {**record.config["runtime"], "groups": [], "tags": {}, "stop_epoch": None},
    }
    check_run(config)
    return config


def _verdict(repetitions: Sequence[Repetition], interval: tuple[float, float], metric: str) -> Verdict:
    if all(repetition.bit_equal for repetition in repetitions):
        return Verdict.BIT_EQUAL
    if any(repetition.again.metrics is None for repetition in repetitions):
        return Verdict.NOT
    mean = sum(_score(repetition.again, metric) for repetition in repetitions) / len(repetitions)
    low, high = interval
    return Verdict.WITHIN if low <= mean <= high else Verdict.NOT


def _reasons(repetitions: Sequence[Repetition]) -> list[str]:
    """What differs in data, threads, versions, hardware: each line once, in the order of first sight."""
    lines: dict[str, None] = {}
    for repetition in repetitions:
        if repetition.bit_equal:
            continue
        if repetition.published.data != repetition.again.data:
            lines["data: another content or split than was published"] = None
        for line in differences(repetition.published.environment, repetition.again.environment):
            lines[line] = None
        if repetition.again.error:
            lines[repetition.again.error] = None
    return list(lines)


def _same_bits(published: RunRecord, again: RunRecord) -> bool:
    names = (PREDICTIONS_FILE, WEIGHTS_FILE)
    if published.files is None or again.files is None:
        return False
    return all(published.files.get(name) == again.files.get(name) for name in names)


def _score(record: RunRecord, metric: str) -> float:
    assert record.metrics is not None
    return record.metrics[metric]
