"""`podium aggregate`, `merge`, `publish` and `verify`: what is done with boards once they are published."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from podium.leaderboard.aggregate import aggregate
from podium.leaderboard.aggregate_page import PAGE_FILE, write
from podium.leaderboard.attest import attest, check
from podium.leaderboard.badges import SELF_REPORTED
from podium.leaderboard.evidence import Evidence
from podium.leaderboard.merge import merge
from podium.leaderboard.publish import publish
from podium.leaderboard.verify import verify
from podium.run.errors import told


def aggregate_command(reports: Sequence[Path], *, out: Path) -> int:
    """Put boards together and say where their page is.

    Raises:
        ConfigError: they cannot be compared, or the folder holds something else.
    """
    with told():
        write(aggregate(reports), out)
    print((out / PAGE_FILE).read_text(encoding="utf-8"))
    print(f"page: {out / PAGE_FILE}")
    return 0


def merge_command(reports: Sequence[Path], *, out: Path) -> int:
    """Join boards and say where the page of all is.

    Raises:
        ConfigError: they are not of one kind, or the folder holds something else.
    """
    with told():
        merge(reports, out)
    print((out / "leaderboard.md").read_text(encoding="utf-8"))
    print(f"page: {out / 'index.html'}")
    return 0


def publish_command(
    reports: Sequence[Path], *, out: Path, title: str, authors: Sequence[str], licence: str
) -> int:
    """Write the folder and say what is in it.

    Raises:
        ConfigError: a board is not as its records say, or the folder holds something else.
    """
    with told():
        boards = publish(reports, out, title=title, authors=authors, licence=licence)
    for found in boards:
        print(f"{found.board.name}: {len(found.rows)} rows from {found.runs} runs")
    print(f"page: {out / 'index.html'}")
    return 0


def verify_command(report: Path, *, badge: bool) -> int:
    """Say every problem of a board; 1 where there is one. With ``badge`` a board without any is given its evidence.

    Raises:
        ConfigError: it is no board.
    """
    with told():
        problems = verify(report)
    for problem in problems:
        print(problem)
    said = f"{len(problems)} problems" if problems else "every number and hash is right"
    print(f"{report}: {said}")
    if badge and not problems:
        with told():
            evidence = check(report, shlex.join(["podium", "verify", str(report), "--badge"]))
        give(report, evidence)
    return 1 if problems else 0


def give(report: Path, evidence: Evidence) -> None:
    """Put evidence beside the board, build its pages again and say what badge each row has now.

    Raises:
        ConfigError: it does not count.
    """
    with told():
        table = attest(report, evidence)
    print(f"evidence: {report / evidence.file}")
    for row in table.rows:
        print(f"  row {row.number}, {row.name}: {row.badge.badge if row.badge else SELF_REPORTED}")
