"""Boards that others build on are verified first."""

from pathlib import Path

from podium.leaderboard.board import Board, Entry
from podium.leaderboard.rows import read_summary
from podium.leaderboard.summary import definition
from podium.leaderboard.verify import verify


def proven(report: Path) -> tuple[Board, list[Entry]]:
    """The definition of a board that is as its records say.

    Raises:
        ValueError: it is not, or the folder is no board.
    """
    board, entries = definition(read_summary(report))
    if problems := verify(report):
        raise ValueError(
            f"{report} must be as its records say, got {len(problems)} problems, first: {problems[0]}; see podium verify"
        )
    return board, entries
