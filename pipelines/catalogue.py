"""The catalogue of networks: what each one costs, counted here, beside what its paper and others published.

Every network of conf/network is built at full size without memory and counted; docs/catalogue/published.yaml holds
what was published, and says why a figure differs. The pages beside it are written again::

    .venv/bin/python pipelines/catalogue.py
"""

import sys
from pathlib import Path

from podium.run.catalogue import count_all, read_published
from podium.run.catalogue_pages import layers_page, networks_page
from podium.run.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "docs" / "catalogue"


def main(folder: Path) -> int:
    """Read what was published, count, and write the pages into the folder."""
    try:
        published = read_published(FOLDER)
        pages = {
            "networks.md": networks_page(published, count_all(published)),
            "layers.md": layers_page(published),
        }
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    for name, page in pages.items():
        (folder / name).write_text(page, encoding="utf-8")
        print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(FOLDER))
