"""Train a published row again from its records, in a fresh folder, and say how close the result is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from podium.leaderboard.board import Board
from podium.leaderboard.equivalence import Equivalence, equivalence
from podium.records.environment import differences
from podium.records.record import RunRecord, Status
from podium.run.assemble import check_run
from podium.run.errors import ConfigError
from podium.run.folders import PREDICTIONS_FILE, WEIGHTS_FILE

TrainAgain = Callable[
    [Sequence[RunRecord], Sequence[dict[str, Any]], Callable[[RunRecord], None]], list[RunRecord]
]


class Verdict(StrEnum):
    """How close a repetition came."""

    BIT_EQUAL = "bit-equal"
    WITHIN = "within the band"
    OPEN = "undecided"
    NOT = "not reproduced"

    @property
    def reproduced(self) -> bool:
        """Whether the row is proven again."""
        return self in (Verdict.BIT_EQUAL, Verdict.WITHIN)


@dataclass(frozen=True)
class Repetition:
    """One run trained again: the published record, the new one, and whether weights and predictions are the same bits."""

    published: RunRecord
    again: RunRecord
    bit_equal: bool


@dataclass(frozen=True)
class Reproduction:
    """A row trained again. ``reasons`` say what differs between then and now, when not every bit is the same.

    ``found`` is how far the means are apart, null where a new run has no result.
    """

    verdict: Verdict
    repetitions: list[Repetition]
    found: Equivalence | None
    reasons: list[str]


def reproduce(
    records: Sequence[RunRecord],
    folder: Path,
    *,
    board: Board,
    data_root: str,
    train_again: TrainAgain,
    on_run: Callable[[RunRecord], None] = lambda _: None,
) -> Reproduction:
    """Train every published run of one row again below ``folder``; ``on_run`` is called after each.

    ``train_again`` trains configurations in the way in which the runs of those records were trained (``pack.again``).
    Results are compared by the metric of the row's ``board``, within its band.

    Raises:
        ConfigError: there is nothing to repeat, or a record's configuration cannot be run by this version.
    """
    finished = [record for record in records if record.status is Status.FINISHED]
    if not finished:
        raise ConfigError(
            f"a row needs a finished run to repeat, got {len(records)} that did not; choose another row"
        )
    configs = [fresh_config(record, folder, data_root=data_root) for record in finished]
    repetitions = [
        Repetition(published=record, again=again, bit_equal=_same_bits(record, again))
        for record, again in zip(finished, train_again(finished, configs, on_run), strict=True)
    ]
    found = _found(repetitions, board)
    return Reproduction(
        verdict=_verdict(repetitions, found),
        repetitions=repetitions,
        found=found,
        reasons=_reasons(repetitions),
    )


def fresh_config(record: RunRecord, folder: Path, *, data_root: str) -> dict[str, Any]:
    """A record's configuration, to be trained again elsewhere and tracked nowhere.

    Raises:
        ConfigError: this version cannot run it.
    """
    config = {
        **record.config,
        "data": _data_here(record.config["data"], data_root),
        "paths": {"data": data_root, "runs": str(folder)},
        "runtime": {**record.config["runtime"], "groups": [], "tags": {}, "stop_epoch": None},
    }
    check_run(config)
    return config


def _data_here(data: dict[str, Any], data_root: str) -> dict[str, Any]:
    """The data's configuration; a pack that is not here is left out, since the files have the same pixels."""
    here = {**data, "root": data_root}
    packed = (data.get("images") or {}).get("packed")
    if packed is not None and not Path(packed).is_dir():
        here["images"] = {**data["images"], "packed": None}
    return here


def _found(repetitions: Sequence[Repetition], board: Board) -> Equivalence | None:
    if any(repetition.again.metrics is None for repetition in repetitions):
        return None
    data = repetitions[0].published.data
    return equivalence(
        [_score(one.again, board.metric) - _score(one.published, board.metric) for one in repetitions],
        band=board.band,
        alpha=board.alpha,
        resolution=1 / data.sizes["test"] if data else 0.0,
    )


def _verdict(repetitions: Sequence[Repetition], found: Equivalence | None) -> Verdict:
    if all(repetition.bit_equal for repetition in repetitions):
        return Verdict.BIT_EQUAL
    if found is None or found.outside:
        return Verdict.NOT
    return Verdict.WITHIN if found.within else Verdict.OPEN


def _reasons(repetitions: Sequence[Repetition]) -> list[str]:
    """What differs in data, threads, versions, hardware: each line once, in the order of first sight."""
    lines: dict[str, None] = {}
    for repetition in repetitions:
        if repetition.bit_equal:
            continue
        if repetition.published.data != repetition.again.data:
            lines["data: another content or split than was published"] = None
        then, now = (
            (record.tags or {}).get("packed", "alone") for record in (repetition.published, repetition.again)
        )
        if then != now:
            lines[f"packed: {then} then, {now} now"] = None
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
