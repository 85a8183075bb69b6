"""Published runs trained once more in the way in which they were trained: those of packs in packs, the others alone.

What other lanes of a pack hold does not change a lane's bits; its form does, and for some odd widths its place, by which its
numbers begin elsewhere in memory. So packs are made again of as many lanes in the same order, as far as the runs are here.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from podium.pack.bucket import refusal
from podium.pack.choice import Choice
from podium.pack.errors import Unpackable
from podium.pack.form import Form
from podium.pack.train import TAG, train_packed
from podium.records.record import RunRecord
from podium.run.train import train

Config = dict[str, Any]
Kind = tuple[Form, str]  # of packs: the form, and how many lanes there were


def train_again(
    published: Sequence[RunRecord], configs: Sequence[Config], on_run: Callable[[RunRecord], None]
) -> list[RunRecord]:
    """The record of each configuration, trained as its published run was; ``on_run`` is called after each.

    What can no longer be packed is trained alone, and has other bits then.

    Raises:
        ConfigError: a configuration cannot be run by this version.
        Interrupted: an end was asked for.
    """
    made: dict[int, RunRecord] = {}
    for (form, count), runs in _programs(published, configs):

        def ended(place: int, record: RunRecord, runs: Sequence[int] = runs) -> None:
            if place < len(runs):
                made[runs[place]] = record
                on_run(record)

        lanes = [configs[k] for k in runs]
        if len(lanes) == 1 and count != "1":  # one lane is not convolved as several are
            lanes.append(_beside(lanes[0]))
        with suppress(Unpackable):
            train_packed(lanes, choice=Choice(len(lanes), form, 1.0), ended=ended)
    for k, config in enumerate(configs):
        if k not in made:
            made[k] = train(config)
            on_run(made[k])
    return [made[k] for k in range(len(configs))]


def _programs(published: Sequence[RunRecord], configs: Sequence[Config]) -> list[tuple[Kind, list[int]]]:
    """The packs to be made again: the kind of each, and its runs in the order of their places."""
    places: dict[Kind, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for k, record in enumerate(published):
        if (found := _packed_as(record)) is not None and refusal(configs[k]) is None:
            kind, place = found
            places[kind][place].append(k)
    programs = []
    for kind, of_place in places.items():
        rows = [of_place[place] for place in sorted(of_place)]
        for number in range(max(map(len, rows))):
            programs.append((kind, [runs[number] for runs in rows if number < len(runs)]))
    return programs


def _packed_as(record: RunRecord) -> tuple[Kind, int] | None:
    """The kind of the pack that a run was trained in, and its place there; null of one that was trained alone."""
    place, _, rest = (record.tags or {}).get(TAG, "").partition(" of ")
    lanes, _, form = rest.partition(", ")
    try:
        return (Form(form), lanes), int(place)
    except ValueError:
        return None


def _beside(config: Config) -> Config:
    """The same run in a folder of its own, to fill a lane."""
    return {**config, "paths": {**config["paths"], "runs": f"{config['paths']['runs']}/beside"}}
