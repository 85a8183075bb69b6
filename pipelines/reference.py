"""The reference boards: what others published, beside what boards measured here.

Published figures are those of docs/catalogue/published.yaml; measured ones are of the boards of docs/boards, and of any
other folders named on the line. Prints the page, and without other folders writes it again beside published.yaml::

    .venv/bin/python pipelines/reference.py
    .venv/bin/python pipelines/reference.py reports/imagenet
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from podium.leaderboard.proven import proven
from podium.run.catalogue import read_published
from podium.run.errors import ConfigError, told
from podium.run.ilsvrc import years
from podium.run.reference import Measured, count_referenced, pages, references

DOCS = Path(__file__).parents[1] / "docs"


def boards() -> list[Path]:
    """The boards that come with Podium."""
    return sorted(path.parent for path in (DOCS / "boards").glob("*/board.json"))


def main(more: Sequence[Path], folder: Path) -> int:
    """Put what was published beside the boards, each of which is verified first."""
    try:
        measured = []
        for report in [*boards(), *more]:
            with told():
                proven(report)
            measured.append(Measured.read(report))
        published = read_published(DOCS / "catalogue")
        counted = count_referenced(published)
        made = pages(references(published, measured, counted), years(published, counted))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(made["reference.md"])
    for name, page in made.items() if not more else ():
        (folder / name).write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(word) for word in sys.argv[1:]], DOCS / "catalogue"))
