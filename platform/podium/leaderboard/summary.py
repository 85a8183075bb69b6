"""A board as plain values: its definition too, so that a folder can be built again from itself."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

from podium.leaderboard.ablation import Ablation
from podium.leaderboard.badges import SELF_REPORTED
from podium.leaderboard.board import Board, Entry
from podium.leaderboard.columns import load_column
from podium.leaderboard.groups import Group
from podium.leaderboard.pairs import Comparison
from podium.leaderboard.runs import LEFT_OUT, Run
from podium.leaderboard.table import Row, Table
from podium.leaderboard.text import rounded

SCHEMA = 1
MOST_PAIRS = 20_000  # of 200 rows; half a million pairs are a file of 60 MB
BUILDERS = ("podium", "jinja2", "matplotlib", "numpy", "scipy", "statsmodels")


def summary(table: Table) -> dict[str, Any]:
    """Everything on the board except what only the records hold."""
    found = table.detectable
    return {
        "schema": SCHEMA,
        "board": table.board.to_dict(),
        "entries": [asdict(entry) for entry in table.entries],
        "built_with": builders(),
        "data": asdict(table.data) if table.data else None,
        "doubts": [str(doubt) for doubt in table.doubts],
        "hardware": table.hardware,
        "detectable": {
            "gap": None if found.gap is None else rounded(found.gap),
            "pairs": found.pairs,
            "power": found.power,
            "seeds": found.seeds,
        },
        "comparisons": _comparisons(table.comparisons),
        "sign_flips": None if table.flips is None else _comparisons(table.flips),
        "rows": [_row(row, table) for row in table.rows],
        **({"evidence": _evidence(table)} if table.evidence else {}),
    }


def definition(raw: dict[str, Any]) -> tuple[Board, list[Entry]]:
    """The board and the entries that a board.json was built from.

    Raises:
        ValueError: it is not whole, or of another schema.
    """
    if raw.get("schema") != SCHEMA:
        raise ValueError(f"schema must be {SCHEMA}, got {raw.get('schema')!r}; read it with its own version")
    try:
        kind = Ablation if "factors" in raw["board"] else Board
        return kind.from_dict(raw["board"]), [Entry(**entry) for entry in raw["entries"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"it must hold a board and its entries, got {error!r}; restore it") from None


def builders() -> dict[str, str]:
    """The versions that can change a byte of the page."""
    return {name: metadata.version(name) for name in BUILDERS}


def _evidence(table: Table) -> dict[str, Any]:
    files = {one.file: one.badge for one in table.evidence}
    return {"files": files, "does_not_count": [str(problem) for problem in table.void]}


def _badge(row: Row) -> dict[str, Any]:
    lines = row.badge.lines if row.badge else ()
    return {
        "badge": row.badge.badge if row.badge else SELF_REPORTED,
        "evidence": [{"badge": badge, "file": file, "found": words} for badge, file, words in lines],
    }


def _row(row: Row, table: Table) -> dict[str, Any]:
    values = {name: load_column(name).value(row) for name in table.board.columns}
    return {
        "number": row.number,
        "rank": row.rank,
        "entry": row.entry.key,
        "name": row.name,
        "entry_hash": row.entry.entry_hash,
        **({} if row.effort is None else {"tried": asdict(row.effort)}),
        **(_badge(row) if table.evidence else {}),
        "values": {name: _plain(value) for name, value in values.items()},
        "runs": [_run(run) for run in row.runs],
        **({} if row.groups is None else {"ensembles": [_group(group) for group in row.groups]}),
    }


def _group(group: Group) -> dict[str, Any]:
    found = {"metrics": group.metrics or {}, "costs": group.costs or {}}
    plain = {name: {key: _plain(v) for key, v in sorted(values.items())} for name, values in found.items()}
    return {"seeds": list(group.seeds), **plain}


def _run(run: Run) -> dict[str, Any]:
    metrics = run.record.metrics if run.record and run.finished else None
    return {
        "seed": run.seed,
        "status": run.status,
        "reason": run.reason,
        "folder": run.folder,
        "counts": run.finished and run.status != LEFT_OUT,
        "metrics": {name: _plain(value) for name, value in sorted((metrics or {}).items())},
    }


def _comparisons(found: Sequence[Comparison]) -> list[dict[str, Any]] | None:
    """Every pair, null where they are too many to read: the records give them again."""
    return [_comparison(one) for one in found] if len(found) <= MOST_PAIRS else None


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "rows": [found.first, found.second],
        "difference": rounded(found.difference),
        "p_corrected": rounded(found.p),
    }


def _plain(value: float | str | None) -> float | str | None:
    if isinstance(value, float):
        return rounded(value) if math.isfinite(value) else str(value)
    return value
