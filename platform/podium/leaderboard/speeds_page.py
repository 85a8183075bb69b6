"""A table of speeds in the manner of ImageNet's: page, Markdown, CSV, LaTeX, JSON. The same rows make the same files."""

import base64
import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from podium.leaderboard.choice import compiled, value_of
from podium.leaderboard.columns import NO_BREAK, NOT_MEASURED, count, scaled
from podium.leaderboard.latex import tabular
from podium.leaderboard.render import template
from podium.leaderboard.speeds import SpeedRow
from podium.leaderboard.text import csv_cell, rounded
from podium.records.files import write_atomically
from podium.records.record import canonical_json

Value = float | str | None


@dataclass(frozen=True)
class SpeedColumn:
    """One column: its name in the file of values, and what it shows of a row."""

    name: str
    title: str
    help: str
    value: Callable[[SpeedRow], Value]
    text: Callable[[SpeedRow], str]


def _config(name: str, title: str, help: str, key: str) -> SpeedColumn:
    def value(row: SpeedRow) -> Value:
        found = value_of(row.config, key)
        return found if isinstance(found, int) else str(found)

    return SpeedColumn(name, title, help, value, lambda row: str(value(row)))


def _cost(name: str, title: str, help: str, form: Callable[[float], str]) -> SpeedColumn:
    return SpeedColumn(name, title, help, lambda row: row.costs[name], lambda row: form(row.costs[name]))


def _measured(name: str, title: str, help: str, form: Callable[[float], str]) -> SpeedColumn:
    def value(row: SpeedRow) -> Value:
        found = row.spread(name)
        return None if found is None else found.median

    def text(row: SpeedRow) -> str:
        found = row.spread(name)
        if found is None:
            return NOT_MEASURED
        return f"{form(found.median)} ({NO_BREAK.join([form(found.low), 'to', form(found.high)])})"

    return SpeedColumn(name, title, help, value, text)


def _layout(row: SpeedRow) -> str:
    trainer = row.config["trainer"]
    said = ["channels last" if trainer["channels_last"] else "channels first"]
    return ", ".join([*said, *compiled(trainer)])


def _three(value: float) -> str:
    return f"{value:.3g}"


RANGE = "Median over the repeats, and the least to the most of them."
COLUMNS = (
    SpeedColumn("entry", "Network", "What was timed.", lambda row: row.name, lambda row: row.name),
    _config("batch", "Batch", "Images in a pass.", "data.batch_size"),
    _config("precision", "Precision", "As trainer.precision says it.", "trainer.precision"),
    SpeedColumn("layout", "Layout", "Order of the pixels, and whether compiled.", _layout, _layout),
    _cost("parameters", "Parameters", "Trainable weights.", count),
    _cost("depth", "Depth", "Layers with weights on the longest path.", count),
    _cost("size_mib", "Size, MiB", "Weights and buffers in single precision.", _three),
    _cost("multiply_adds", "Multiply-adds", "To classify one image.", scaled),
    _cost("activations", "Activations", "Elements that weight layers put out for one image.", scaled),
    _measured("inference_images_per_s", "Inference, images/s", RANGE, scaled),
    _measured("train_images_per_s", "Training, images/s", RANGE, scaled),
    _measured("peak_memory_mib", "Peak memory, MiB", f"Of training steps. {RANGE}", count),
    _measured("inference_j_per_image", "Inference, J/image", f"Energy. {RANGE}", _three),
    _measured("train_j_per_image", "Training, J/image", f"Energy. {RANGE}", _three),
)


def render_speeds(rows: Sequence[SpeedRow]) -> dict[str, bytes]:
    """Every file of the table by name; the rows are of one hardware."""
    counts = [len(row.repeats) for row in rows]
    script = Markup(template("board.js", autoescape=False).render())  # our own file: nothing is filled in
    values = {
        "rows": rows,
        "columns": COLUMNS,
        "cells": [
            [(column, column.text(row), _sorted(column.value(row))) for column in COLUMNS] for row in rows
        ],
        "hardware": rows[0].hardware,
        "repeats": " to ".join(map(str, sorted({min(counts), max(counts)}))),
        "environments": list(dict.fromkeys(row.environment for row in rows)),
        "style": Markup(template("board.css", autoescape=False).render()),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    titles = [column.title for column in COLUMNS]
    body = [[column.text(row) for column in COLUMNS] for row in rows]
    numeric = [not isinstance(column.value(rows[0]), str) for column in COLUMNS]
    tex = tabular(titles, [(None, body)], numeric=numeric, note="speeds")
    return {
        "index.html": template("speeds.html.j2", autoescape=True).render(values).encode(),
        "benchmark.md": template("speeds.md.j2", autoescape=False).render(values).encode(),
        "benchmark.csv": _csv(rows),
        "benchmark.tex": tex.encode(),
        "benchmark.json": (canonical_json({"rows": [_plain(row) for row in rows]}, indent=1) + "\n").encode(),
    }


def write_speeds(rows: Sequence[SpeedRow], out: Path) -> None:
    """Write the table's files into a folder."""
    for name, content in render_speeds(rows).items():
        write_atomically(out / name, content)


def _sorted(value: Value) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(rounded(value))


def _plain(row: SpeedRow) -> dict[str, Any]:
    return {"key": row.key, "hardware": row.hardware, **asdict(row)}


def _csv(rows: Sequence[SpeedRow]) -> bytes:
    """Medians with the least and the most, and the conditions; no cell is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    spreads = [column.name for column in COLUMNS if column.name not in rows[0].costs][4:]
    names = [column.name for column in COLUMNS]
    ends = [f"{name}_{end}" for name in spreads for end in ("low", "high")]
    writer.writerow([*names, *ends, "repeats", "hardware", "key"])
    for row in rows:
        found = [row.spread(name) for name in spreads]
        values: list[Value] = [column.value(row) for column in COLUMNS]
        values += [end for one in found for end in ((one.low, one.high) if one else (None, None))]
        values += [len(row.repeats), row.hardware, row.key]
        writer.writerow([csv_cell(rounded(v) if isinstance(v, float) else v) for v in values])
    return buffer.getvalue().encode()
