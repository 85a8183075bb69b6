"""Which runs of a board count: one a planned entry and seed, on one data set and one hardware."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache

from podium.leaderboard.board import Board, Entry
from podium.records.environment import Environment
from podium.records.record import DataPrint, RunRecord, Status, canonical_json

MISSING = "missing"
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Run:
    """One planned seed of an entry. ``record`` is null where there is none, or where it was left out."""

    seed: int
    status: str
    reason: str | None
    folder: str | None
    record: RunRecord | None

    @property
    def finished(self) -> bool:
        """Whether the run has test metrics that count."""
        return self.record is not None and self.record.status is Status.FINISHED


def record_key(record: RunRecord) -> str:
    """The name of a record's folder on a board."""
    return f"{record.entry_hash[:8]}-s{record.seed}"


def hardware_of(environment: Environment) -> str:
    """What makes timings comparable: the GPUs of the run, else the processor, and its threads."""
    device = " + ".join(environment.gpus) or environment.cpu
    threads = "thread" if environment.threads == 1 else "threads"
    return f"{device}, {environment.threads} {threads} a run"


def admitted(
    board: Board, entries: Sequence[Entry], records: Sequence[RunRecord]
) -> dict[tuple[str, int], RunRecord]:
    """The records by entry (its hash) and seed.

    Raises:
        ValueError: one was not planned, or there are two of one entry and seed.
    """
    planned = {entry.entry_hash for entry in entries}
    by_run: dict[tuple[str, int], RunRecord] = {}
    for record in sorted(records, key=lambda record: (record_key(record), record.run_key)):
        key = (record.entry_hash, record.seed)
        if record.entry_hash not in planned:
            raise ValueError(f"runs must be of the board's entries, got {record_key(record)}; leave it out")
        if record.seed not in board.seeds:
            raise ValueError(
                f"seeds must be among the planned {board.seeds}, got {record.seed}; leave the run out"
            )
        if key in by_run:
            raise ValueError(
                f"an entry and seed must have one run, got two of {record_key(record)}; remove one"
            )
        by_run[key] = record
    return by_run


def one_data(records: Sequence[RunRecord]) -> DataPrint | None:
    """The data that all runs saw; runs that failed before they saw any have none.

    Raises:
        ValueError: they saw different data.
    """
    seen: dict[str, RunRecord] = {}
    text = cache(text_of)  # of equal data, which nearly all runs saw
    for record in records:
        if record.data is not None:
            seen.setdefault(_compared(record, record.data, text), record)
    if len(seen) > 1:
        first, second = list(seen.values())[:2]
        raise ValueError(
            f"runs must be on one data set and split, got {_data_text(first)} and {_data_text(second)}; "
            "run the older again"
        )
    return next(iter(seen.values())).data if seen else None


def _compared(record: RunRecord, data: DataPrint, text: Callable[[DataPrint], str]) -> str:
    """What of a run's data all runs must share: where its seed draws few examples to train on, all but which ones."""
    block = record.config["data"]
    if (block.get("split") or {}).get("train_examples") is None:
        return text(data)
    return canonical_json([asdict(replace(data, split="")), block["split"], block.get("view")])


def _data_text(record: RunRecord) -> str:
    data = record.data
    assert data is not None
    return f"{data.name} {data.content[:8]}/{data.split[:8]} in {record_key(record)}"


def main_hardware(records: Sequence[RunRecord]) -> str | None:
    """The hardware of most finished runs; of equals, the first by name."""
    counts = Counter(hardware_of(r.environment) for r in records if r.status is Status.FINISHED)
    return min(counts, key=lambda name: (-counts[name], name)) if counts else None


def planned_run(seed: int, record: RunRecord | None, hardware: str | None) -> Run:
    """A planned run as its record says, left out where it ran on other hardware.

    Raises:
        ValueError: it finished without metrics.
    """
    if record is None:
        return Run(seed=seed, status=MISSING, reason="there is no record", folder=None, record=None)
    folder = f"records/{record_key(record)}"
    if record.status is Status.FINISHED and hardware_of(record.environment) != hardware:
        reason = f"ran on {hardware_of(record.environment)}; a ranking is of one hardware"
        return Run(seed=seed, status=LEFT_OUT, reason=reason, folder=folder, record=None)
    if record.status is Status.FINISHED and record.metrics is None:
        raise ValueError(f"a finished run must have metrics, got none in {record_key(record)}; run it again")
    return Run(seed=seed, status=str(record.status), reason=record.error, folder=folder, record=record)


def text_of(value: DataPrint | Environment) -> str:
    """Equal for equal values, whatever the order of their keys."""
    return canonical_json(asdict(value))
