"""The tools of a real sweep: thin doors to the room run, which load it only when they are used."""

import pickle
from collections.abc import Hashable
from functools import lru_cache
from typing import Any

from podium.records.journal import JOURNAL_FILE, history, read
from podium.records.record import RunRecord, Status
from podium.sweep.trial import UNFINISHED, Tools

KEPT = 4096  # configurations, of some kilobytes each


def compose(overrides: list[str]) -> dict[str, Any]:
    """The checked configuration of one run. A sweep asks for each of them several times, and it is composed once."""
    from podium.run.compositions import state

    config: dict[str, Any] = pickle.loads(_composed(tuple(overrides), state()))
    return config


@lru_cache(maxsize=KEPT)
def _composed(overrides: tuple[str, ...], state: Hashable) -> bytes:
    """As bytes, so that nobody can change what is kept; ``state`` is there for the cache."""
    from podium.run.assemble import compose

    return pickle.dumps(compose(overrides))


def train(config: dict[str, Any], *, pictures: bool = False, **how: Any) -> RunRecord:
    """Train a run, or find that it is done. One of many needs no pictures of its own."""
    from podium.run.train import train

    return train(config, pictures=pictures, **how)


def find(config: dict[str, Any]) -> RunRecord | None:
    """The record of a run, with its history up to now."""
    from podium.run.folders import find_folders, find_record

    record = find_record(config)
    if record is None or record.history is not None:
        return record
    return record.with_(history=history(read(find_folders(config)[0] / JOURNAL_FILE)))


def stop(config: dict[str, Any], status: Status) -> None:
    """Say of a run which was left unfinished that the search stopped it, or that it was interrupted; it did not fail."""
    from podium.records.journal import Journal
    from podium.run.folders import exclusive, find_folders

    for folder in find_folders(config):
        with exclusive(folder):
            record = RunRecord.load(folder)
            if record.status in UNFINISHED and record.status is not status:
                Journal(folder / JOURNAL_FILE).finish(status)
                record.with_(status=status).save(folder)


def begin(config: dict[str, Any], source: dict[str, Any], epochs: int) -> None:
    """Begin a run from the checkpoint of another that trained alike up to there; without one nothing is done."""
    from podium.run.prefix import begin_from

    begin_from(config, source, epochs=epochs)


def check(config: dict[str, Any]) -> None:
    """Refuse changes of values that training could not go on with."""
    from podium.run.changes import segments
    from podium.run.layouts import check_layouts

    check_layouts(segments(config))


def real_tools() -> Tools:
    """Compose, train, find, stop, begin, check and pack runs as `podium train` does."""
    from podium.sweep.packs import pack_runs

    return Tools(compose=compose, train=train, find=find, stop=stop, begin=begin, check=check, pack=pack_runs)
