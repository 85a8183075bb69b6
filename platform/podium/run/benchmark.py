"""`podium benchmark`: what networks cost and how fast they are, without training them.

Overrides are those of `podium train`; a key with several values makes a row for each, and several such keys all
combinations. A row that was measured under the same key on this hardware is not measured again.
"""

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from podium.leaderboard.speeds import SpeedRow
from podium.leaderboard.speeds_page import write_speeds
from podium.run.assemble import compose
from podium.run.command import show_notes
from podium.run.errors import ConfigError
from podium.run.interrupts import interrupts
from podium.run.space import Interval, parse

ROWS_FOLDER = "rows"
SHOWN = ("network", "data.batch_size", "trainer.precision", "trainer.channels_last", "trainer.compile")
Measure = Callable[..., dict[str, float]]


def benchmark_command(
    overrides: Sequence[str], *, repeats: int, seconds: float, out: Path, again: bool
) -> int:
    """Measure the rows that lack repeats, write the table and print it.

    Raises:
        ConfigError: a row cannot be measured; nothing was timed.
        Interrupted: an end was asked for; the same command goes on.
    """
    show_notes()
    rows = planned(overrides, seconds=seconds, folder=out / ROWS_FOLDER, again=again)
    logging.getLogger("podium").setLevel(logging.WARNING)  # what was noted stays as it is in every repeat
    rows = measured(rows, repeats=repeats, folder=out / ROWS_FOLDER)
    write_speeds(rows, out)
    print((out / "benchmark.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'index.html'}")
    return 0


def planned(overrides: Sequence[str], *, seconds: float, folder: Path, again: bool) -> list[SpeedRow]:
    """The rows with the repeats that they have already; each was built once and its costs counted.

    Raises:
        ConfigError: one cannot be built or timed, or two are the same.
    """
    from podium.run.speed import check_speed
    from podium.run.under_way import environment_of

    found: dict[str, SpeedRow] = {}
    for name, config in combinations(overrides):
        row = SpeedRow(name, dict(config), environment_of(config), seconds, check_speed(config))
        if row.key in found:
            raise ConfigError(
                f"rows must differ, got {found[row.key].name} and {name} with one; leave one out"
            )
        try:
            found[row.key] = row if again else row.found(folder)
        except ValueError as error:
            raise ConfigError(str(error)) from None
    rows = list(found.values())
    if others := [row.hardware for row in rows if row.hardware != rows[0].hardware]:
        raise ConfigError(
            f"rows must be of one hardware, got {rows[0].hardware} and {others[0]}; run the command for each"
        )
    return rows


def measured(
    rows: Sequence[SpeedRow], *, repeats: int, folder: Path, measure: Measure | None = None
) -> list[SpeedRow]:
    """The rows with at least so many repeats, measured in turns; each repeat is kept as soon as it is made.

    Raises:
        Interrupted: an end was asked for.
    """
    from podium.run.speed import measure_speed

    work = measure or measure_speed
    done = list(rows)
    lacking = sum(max(repeats - len(row.repeats), 0) for row in rows)
    with interrupts() as asked, _bar(lacking) as bar:
        for turn in range(repeats):
            for k, row in enumerate(done):
                if len(row.repeats) > turn:
                    continue
                asked.check()
                bar.set_postfix_str(row.name, refresh=True)
                found = work(row.config, seconds=row.seconds)
                done[k] = replace(row, repeats=(*row.repeats, found))
                done[k].save(folder)
                bar.update()
    return done


def combinations(overrides: Sequence[str]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every combination of the values, the last key changing fastest; named by what the table does not show otherwise."""
    space = parse(overrides)
    if intervals := [axis for axis in space.axes if isinstance(axis, Interval)]:
        raise ConfigError(
            f"{intervals[0].key} must name its values to be timed, got an interval; write {intervals[0].key}=a,b"
        )
    choices = [
        [(axis.key, value) for value in axis.values] for axis in space.axes if not isinstance(axis, Interval)
    ]
    found: list[tuple[str, Mapping[str, Any]]] = []
    for point in itertools.product(*choices):
        config = compose([*space.fixed, *(f"{key}={value}" for key, value in point)])
        extra = [f"{key}={value}" for key, value in point if key.lstrip("+~") not in SHOWN]
        found.append((" ".join([config["name"], *extra]), config))
    return found


@contextmanager
def _bar(total: int) -> Iterator["tqdm[Any]"]:
    bar = tqdm(total=total, desc="benchmark", unit="repeat", disable=None)
    try:
        yield bar
    finally:
        bar.close()
