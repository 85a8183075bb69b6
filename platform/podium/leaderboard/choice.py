"""Rows chosen and grouped by values of their configurations: a dotted key, or ``family``, the file of the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from podium.leaderboard.board import Board
from podium.leaderboard.table import Row, Table
from podium.records.record import canonical_json

FAMILY = "family"
UNKNOWN = "not known"


@dataclass(frozen=True)
class Group:
    """Rows of one value, in the order of the board; without a name where the board is not grouped."""

    name: str | None
    rows: tuple[Row, ...]


def value_of(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, null where there is none; of ``family`` the name of the network's file."""
    if key == FAMILY:
        return str((config.get("network") or {}).get("_target_", UNKNOWN)).split(".")[-2:][0]
    found: Any = config
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def chosen(board: Board, configs: Mapping[str, Mapping[str, Any]]) -> Board:
    """The board with those of its entries that ``include`` and ``exclude`` leave, and their ensembles.

    They are left out before anything is trained or ranked, so that no row of a ranking is hidden.

    Raises:
        ValueError: no entry is left.
    """
    kept = [key for key in board.entries if _admitted(board, configs[key])]
    if not kept:
        raise ValueError(
            f"include and exclude must leave an entry, got {dict(board.include or {})} and {dict(board.exclude or {})}; "
            "correct a value"
        )
    return replace(board, entries=kept, ensembles=tuple(e for e in board.ensembles if e.entry in kept))


def groups_of(table: Table) -> list[Group]:
    """The rows by the value that the board groups by; the group of the first row comes first."""
    if table.board.group_by is None:
        return [Group(None, table.rows)]
    found: dict[str, list[Row]] = {}
    for row in table.rows:
        found.setdefault(group_name(row, table.board.group_by), []).append(row)
    return [Group(name, tuple(rows)) for name, rows in found.items()]


def group_name(row: Row, key: str) -> str:
    """The value that a row is grouped by, for people; that of its first record."""
    configs = [run.record.config for run in row.runs if run.record is not None]
    return _text(value_of(configs[0], key)) if configs else UNKNOWN


def conditions_of(config: Mapping[str, Any]) -> str:
    """Batch, precision, layout and compilation, by which speeds of one hardware differ."""
    trainer = config.get("trainer") or {}
    batch = value_of(config, "data.batch_size")
    said = [*([] if batch is None else [f"batch {batch}"]), str(trainer.get("precision", "32-true"))]
    said += ["channels last"] if trainer.get("channels_last") else []
    return ", ".join([*said, *compiled(trainer)])


def compiled(trainer: Mapping[str, Any]) -> list[str]:
    """What is said of compilation, with its mode where that is not torch's default; nothing where there is none."""
    wanted = trainer.get("compile")
    if not wanted:
        return []
    return ["compiled" if wanted is True else f"compiled ({wanted})"]


def _admitted(board: Board, config: Mapping[str, Any]) -> bool:
    included = all(_is_one(value_of(config, key), wanted) for key, wanted in (board.include or {}).items())
    return included and not any(
        _is_one(value_of(config, key), unwanted) for key, unwanted in (board.exclude or {}).items()
    )


def _is_one(value: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one, or one of several."""
    several: Sequence[Any] = wanted if isinstance(wanted, list) else [wanted]
    return value in several


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
