"""Find a row of a published board again."""

import json
import re
from pathlib import Path
from typing import Any

from podium.records.record import RunRecord

SUMMARY_FILE = "board.json"
PREDICTIONS_FILE = "predictions.npz"
FOLDER = re.compile(r"records/[0-9a-f]{8}-s\d+")


def read_summary(report: Path) -> dict[str, Any]:
    """The board.json of a published board.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    path = report / SUMMARY_FILE
    if not path.is_file():
        raise ValueError(
            f"{report} must be the folder of a board, got no {SUMMARY_FILE}; build it with podium leaderboard"
        )
    try:
        raw = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise ValueError(f"{path} must be JSON, got {error}; build the board again") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{path} must hold an object, got {type(raw).__name__}; build the board again")
    return raw


def row_ensembles(report: Path, row: int) -> list[dict[str, Any]]:
    """The ensembles of row number ``row``: the seeds of their members, and their metrics; none of an entry's own row."""
    rows = {found["number"]: found for found in read_summary(report).get("rows", [])}
    found: list[dict[str, Any]] = rows[row].get("ensembles", []) if row in rows else []
    return found


def row_records(report: Path, row: int) -> list[RunRecord]:
    """The records that stand behind row number ``row`` (from 1), by seed; failed ones too, left-out ones not.

    Raises:
        ValueError: there is no such row, it has no records, or they are damaged.
    """
    rows = {found["number"]: found for found in read_summary(report).get("rows", [])}
    if row not in rows:
        last = max(rows, default=0)
        raise ValueError(f"row must be from 1 to {last}, got {row}; the page shows each row's number")
    folders = [run["folder"] for run in rows[row]["runs"] if run["folder"] and run["status"] != "left out"]
    if bad := [folder for folder in folders if not FOLDER.fullmatch(folder)]:
        raise ValueError(
            f"a run's folder must be records/<hash>-s<seed>, got {bad[0]!r}; build the board again"
        )
    if not folders:
        raise ValueError(f"row {row} must have records, got none; choose another row")
    return [RunRecord.load(report / folder) for folder in folders]
