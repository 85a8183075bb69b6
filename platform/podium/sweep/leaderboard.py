"""`podium leaderboard`: train what a board lacks, then build its pages from the records."""

import gc
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podium.leaderboard.board import Board, Entry
from podium.leaderboard.evidence import read_evidence
from podium.leaderboard.tried import account
from podium.run.assemble import board_and_out, compose_seeds
from podium.run.errors import ConfigError, told

if TYPE_CHECKING:
    from podium.sweep.packs import Pack

Config = dict[str, Any]
HEAVY = ("podium.sweep.lacking", "podium.pack.shares", "podium.leaderboard.build")  # torch, Lightning, SciPy


def leaderboard_command(overrides: Sequence[str], *, concurrency: int | None, pack: "Pack") -> int:
    """Bring a board up to date and say where its page is.

    Raises:
        ConfigError: no such board, or one of its entries cannot run or be an ensemble; nothing was trained.
    """
    board, out = board_and_out(overrides)
    configs = configurations(board)
    from podium.leaderboard.build import build
    from podium.leaderboard.choice import chosen
    from podium.leaderboard.ensemble import check_planned
    from podium.sweep.lacking import tagged, train_lacking

    try:
        board = chosen(board, {key: found[0] for key, found in configs.items()})
        check_planned("ensembles", {plan.entry: configs[plan.entry][0] for plan in board.ensembles})
    except ValueError as error:
        raise ConfigError(f"board.{error}") from None
    planned = [
        tagged(config, kind="board", name=board.name, key=key)
        for key in board.entries
        for config in configs[key]
    ]
    folders = train_lacking(board.title, planned, concurrency=concurrency, pack=pack)
    entries = [Entry.from_config(key, configs[key][0]) for key in board.entries]
    first = {key: configs[key][0] for key in board.entries}
    runs = {Path(config["paths"]["runs"]) for config in first.values()}
    with told():
        evidence = read_evidence(out)
    table = build(
        board, entries, folders, out, tried=account(entries, first, sorted(runs)), evidence=evidence
    )
    print((out / "leaderboard.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'index.html'}")
    for doubt in table.doubts:
        print(f"doubt: {doubt}")
    for problem in table.void:
        print(f"evidence that does not count: {problem}")
    for row, run in table.troubles:
        print(f"not counted: {row.entry.name}, seed {run.seed}: {run.status} ({run.reason})")
    return 0


def configurations(board: Board) -> dict[str, list[Config]]:
    """The runs of each entry, composed by a process beside this one while this one imports what will train and rank them.

    Raises:
        ConfigError: one cannot be composed.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return _composed(board)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as beside:
        composing = beside.submit(_composed, board)
        gc.disable()  # none of it is garbage, and to look for some is a sixth of the time
        try:
            for name in HEAVY:
                import_module(name)
        finally:
            gc.enable()
        return composing.result()


def _composed(board: Board) -> dict[str, list[Config]]:
    return {
        key: compose_seeds([f"entry={key}", *board.overrides], seeds=board.seeds) for key in board.entries
    }
