"""A table's files: index.html, leaderboard.md, .tex and .csv, board.json. The same table makes the same."""

import base64
import csv
import hashlib
import io
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from podium.leaderboard.badges import band_words
from podium.leaderboard.board import Entry
from podium.leaderboard.choice import group_name, groups_of
from podium.leaderboard.columns import Column, load_column
from podium.leaderboard.curves import Curves, curve_plots
from podium.leaderboard.front import COSTS, fronts
from podium.leaderboard.latex import tabular
from podium.leaderboard.plots import cost_plot
from podium.leaderboard.rows import SUMMARY_FILE
from podium.leaderboard.runs import hardware_of
from podium.leaderboard.statistics import BOOTSTRAP_FROM, MIN_SEEDS, flips_from
from podium.leaderboard.summary import builders, summary
from podium.leaderboard.table import Row, Table
from podium.leaderboard.text import csv_cell, is_error, markdown_cell, rounded, short_name, spoken, visible
from podium.leaderboard.tried import Effort
from podium.leaderboard.unit import unit_of
from podium.records.record import canonical_json


@dataclass(frozen=True)
class Cell:
    """One cell of the page: what it shows, what it sorts by, and the file of the board that it leads to."""

    key: str
    text: str
    value: str
    numeric: bool
    link: str | None


def render(table: Table) -> dict[str, bytes]:
    """Every file of the board except its records and checksums, by name.

    Raises:
        ValueError: a column or metric that does not exist.
    """
    columns = {name: load_column(name) for name in table.board.columns}
    values = _values(table, columns)
    return {
        "index.html": template("board.html.j2", autoescape=True).render(values).encode(),
        "leaderboard.md": template("board.md.j2", autoescape=False).render(values).encode(),
        "leaderboard.csv": _csv(table, columns),
        "leaderboard.tex": _latex(table, columns),
        SUMMARY_FILE: (canonical_json({**summary(table), "pareto": fronts(table)}, indent=1) + "\n").encode(),
    }


def train_command(table: Table, entry: Entry, seed: int) -> str:
    """The command that trains one run of an entry."""
    return shlex.join(["podium", "train", f"entry={entry.key}", *table.board.overrides, f"seed={seed}"])


def reproduce_command(table: Table, row: Row) -> str:
    """The command that trains a row again and compares."""
    return f"podium reproduce reports/{table.board.name} --row {row.number}"


def effort_words(effort: Effort) -> str:
    """What was tried for a row, in words."""
    many = "configuration" if effort.configurations == 1 else "configurations"
    runs = "run" if effort.runs == 1 else "runs"
    return f"{effort.configurations} {many}, {effort.runs} {runs}, {effort.time} of training"


def verdicts(table: Table, row: Row) -> dict[str, list[int]]:
    """The rows that a row is significantly better than, worse than, not told apart from and, where one of both is an
    ensemble, not tested against.
    """
    found: dict[str, list[int]] = {"better": [], "worse": [], "same": [], "untested": []}
    for comparison in table.comparisons_of[row.number]:
        is_first = comparison.first == row.number
        other = comparison.second if is_first else comparison.first
        if comparison.p >= table.board.alpha or comparison.difference == 0:
            found["same"].append(other)
        else:
            lower = (comparison.difference < 0) == is_first
            found["better" if lower == (table.board.direction == "min") else "worse"].append(other)
    told = {row.number, *(number for numbers in found.values() for number in numbers)}
    ensembles = row.groups is not None
    found["untested"] = [
        other.number
        for other in table.rows
        if other.number not in told and other.complete and (ensembles or other.groups is not None)
    ]
    return {name: sorted(numbers) for name, numbers in found.items()}


def stretches(numbers: Sequence[int]) -> str:
    """Sorted row numbers, three and more in a row as a stretch: 1, 2, 5–9; none for none."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [[f"{run[0]}–{run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs]
    return ", ".join(part for run in parts for part in run) or "none"


def _values(table: Table, columns: dict[str, Column]) -> dict[str, Any]:
    script = Markup(template("board.js", autoescape=False).render())  # our own file: nothing is filled in
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    plots = {cost: cost_plot(table, cost, label) for cost, label in COSTS.items()}
    return {
        "table": table,
        "board": table.board,
        "report": f"reports/{table.board.name}",
        "columns": columns,
        "groups": groups_of(table),
        "cells": {row.number: _cells(row, columns) for row in table.rows},
        "verdicts": {row.number: verdicts(table, row) for row in table.rows},
        "commands": {row.number: reproduce_command(table, row) for row in table.rows},
        "train_command": train_command,
        "effort_words": effort_words,
        "style": Markup(template("board.css", autoescape=False).render()),
        "script": script,
        "script_hash": digest,
        "plots": {name: Markup(plot) for name, plot in plots.items() if plot},
        "curves": _curves(table),
        "seed_metrics": _seed_metrics(table, columns),
        "spoken": spoken,
        "stretches": stretches,
        "measure": "error" if is_error(table.board.metric) else spoken(table.board.metric),
        "builders": builders(),
        "unit": unit_of(table.board.metric),
        "unit_of": unit_of,
        "band": band_words(table.board),
        "on_hardware": hardware_of,
        "min_seeds": MIN_SEEDS,
        "bootstrap_from": BOOTSTRAP_FROM,
        "flips_from": flips_from(len(table.comparisons), alpha=table.board.alpha)
        if table.comparisons
        else None,
        "planned": len(table.singles) * len(table.board.seeds),
        "finished": sum(len(row.finished) for row in table.singles),
    }


def _curves(table: Table) -> Curves | None:
    return curve_plots(table, f"validation/{short_name(table.board.metric)}")


def _seed_metrics(table: Table, columns: dict[str, Column]) -> list[str]:
    """What is shown of every seed: the ranking metric, those of the columns, and the loss, where all runs have them."""
    shown = [column.metric for column in columns.values() if column.metric is not None]
    runs = [record.metrics or {} for row in table.singles for record in row.finished]
    wanted = dict.fromkeys([table.board.metric, *shown, "test/loss"])
    return [metric for metric in wanted if all(metric in run for run in runs)]


def _cells(row: Row, columns: dict[str, Column]) -> list[Cell]:
    cells = []
    for key, column in columns.items():
        value = column.value(row)
        shown = "" if value is None else visible(value) if isinstance(value, str) else repr(rounded(value))
        link = column.link(row) if column.link else None
        cells.append(Cell(key, visible(column.text(row)), shown, not isinstance(value, str), link))
    return cells


def _csv(table: Table, columns: dict[str, Column]) -> bytes:
    """The values that columns sort by, the interval, and one column a seed; no cell is a formula."""
    name = short_name(table.board.metric)
    seeds = [f"{name}_seed_{seed}" for seed in table.board.seeds]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    grouped = table.board.group_by
    first = [] if grouped is None else [grouped]
    writer.writerow([*first, *columns, f"{name}_low", f"{name}_high", *seeds, "entry_file", "entry_hash"])
    for row in table.rows:
        found = row.estimate(table.board.metric)
        interval = [found.low, found.high] if found else [None, None]
        values_of = found.values if found and row.groups is None else {}
        by_seed = [values_of.get(seed) for seed in table.board.seeds]
        values: list[float | str | None] = [] if grouped is None else [group_name(row, grouped)]
        values += [column.value(row) for column in columns.values()]
        values += [*interval, *by_seed, row.entry.key, row.entry.entry_hash]
        writer.writerow([csv_cell(rounded(v) if isinstance(v, float) else v) for v in values])
    return buffer.getvalue().encode()


def _latex(table: Table, columns: dict[str, Column]) -> bytes:
    sections = [
        (group.name, [[column.text(row) for column in columns.values()] for row in group.rows])
        for group in groups_of(table)
    ]
    numeric = [not isinstance(column.value(table.rows[0]), str) for column in columns.values()]
    titles = [column.title for column in columns.values()]
    note = f"{table.board.name}, rules {table.board.rules}"
    return tabular(titles, sections, numeric=numeric, note=note).encode()


def template(name: str, *, autoescape: bool) -> Any:
    """A template of podium/leaderboard/templates, with the filters that show names of strangers as text."""
    environment = Environment(
        loader=PackageLoader("podium.leaderboard"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # else every row's part asks whether the file has changed
    )
    environment.filters["visible"] = visible
    environment.filters["markdown"] = markdown_cell
    return environment.get_template(name)
