"""Benchmarks fail on nothing: each leaves rows, which become docs/performance.md when all are over.

Rows that were not measured again stay as they were, with the day on which they were.
"""

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from podium.records.environment import Environment

ROWS = Path(__file__).with_name("rows.json")
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
ABOUT = """# How fast it is

`make bench` measures and writes this page; `make bench ONLY=loop` measures the rows of one file. Every figure is a ratio,
or seconds, of two sides that alternate in one process on pinned threads. The machine is shared: a load above its cores
means that others worked on it meanwhile. What was tried for packing: [decision 0022](decisions/0022-packed-trials.md).
"""


@dataclass(frozen=True)
class Row:
    """A line of the table. ``must`` and ``goal`` are what is asked for, ``met`` whether the first is true."""

    what: str
    against: str
    measured: str
    must: str
    goal: str
    met: bool
    file: str = ""
    day: str = ""
    machine: str = ""


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Take a row into the table; called with the fields of a row."""
    rows: list[Row] = []
    yield lambda **fields: rows.append(Row(**fields))
    if rows:
        file, day, here = request.path.name, datetime.now(UTC).strftime("%Y-%m-%d"), machine()
        keep([replace(row, file=file, day=day, machine=here) for row in rows])


def machine() -> str:
    """What was measured on, and how busy it is."""
    here = Environment.capture(threads=1, gpus=[])
    load = psutil.getloadavg()[0]
    versions = ", ".join(f"{name} {here.versions[name]}" for name in ("torch", "pytorch-lightning", "ray"))
    return f"{here.cores} cores of {here.cpu or platform.machine()}, load {load:.1f}; Python {here.python}, {versions}"


def keep(new: list[Row]) -> None:
    """Put rows in the place of those of the same name, and write the page."""
    old = [Row(**row) for row in json.loads(ROWS.read_text())] if ROWS.is_file() else []
    again = {(row.what, row.against) for row in new}
    rows = sorted([r for r in old if (r.what, r.against) not in again] + new, key=lambda r: (r.file, r.what))
    ROWS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    PAGE.write_text(page(rows))


def page(rows: list[Row]) -> str:
    """The table in Markdown."""
    machines = list(dict.fromkeys(row.machine for row in rows))
    lines = ["| what | against | measured | must | goal | | when, on |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        mark = "met" if row.met else "**missed**"
        place = f"{row.day}, {machines.index(row.machine) + 1}"
        lines.append(
            f"| {row.what} | {row.against} | {row.measured} | {row.must} | {row.goal} | {mark} | {place} |"
        )
    notes = [f"{number}. {name}" for number, name in enumerate(machines, start=1)]
    return "\n".join([ABOUT, *lines, "", "Measured on", "", *notes, ""])
