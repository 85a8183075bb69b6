"""The run that a study trains before its variants: its record, in a folder of its own, and who begins with its network."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from podium.leaderboard.study import BEGINS, Study
from podium.records.record import WEIGHTS_DIGITS, RunRecord, Status

BEFORE_FOLDER = "before"


@dataclass(frozen=True)
class Before:
    """The run before, the run's folder as its followers name it, and the SHA-256 of its network's file."""

    record: RunRecord
    folder: str
    weights: str


def load_before(study: Study, folder: Path) -> RunRecord | None:
    """The record of the run before in a study's folder; null where none comes before.

    Raises:
        ValueError: it is not there, or damaged.
    """
    return None if study.before is None else RunRecord.load(folder / BEFORE_FOLDER)


def find_before(
    study: Study, variants: dict[str, str], record: RunRecord | None, followers: Iterable[RunRecord]
) -> Before | None:
    """The run before, after a look at what those that begin with its network begin with; ``variants`` by their hash.

    Raises:
        ValueError: it is missing or has not finished, or one of them began with something else, or none did.
    """
    if (record is None) is not (study.before is None):
        raise ValueError(
            f"a study must have the record of its run before and of no other, got {record.name if record else 'none'}"
        )
    if record is None:
        return None
    if record.status is not Status.FINISHED:
        raise ValueError(f"the run before must have finished, got {record.status}; train it to its end")
    found = None
    for one in followers:
        if BEGINS not in [*study.overrides, *study.variants[variants[one.entry_hash]]]:
            continue
        file, _, digits = str(one.config["network"].get("weights")).rpartition("@")
        digest = (record.files or {}).get(PurePosixPath(file).name, "")
        if not digits or digest[:WEIGHTS_DIGITS] != digits:
            raise ValueError(
                f"{variants[one.entry_hash]} must begin with the network of the run before, got @{digits} in "
                f"{one.entry_hash[:8]}-s{one.seed}; run the study again"
            )
        found = Before(record, str(PurePosixPath(file).parent), digest)
    if found is None:
        raise ValueError("a run must begin with the network of the run before, got none; run the study again")
    return found
