"""Freeze what every network computes, at its small size in the contract tests: mean and deviation of its output.

Run it after a change that is meant to change a network, and look at the difference; of networks that are named, only
these are made again::

    .venv/bin/python tests/golden/forward_means.py
    .venv/bin/python tests/golden/forward_means.py lstm
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "contracts"))

from network_cases import NETWORKS, case_of, figures  # noqa: E402


def main(named: list[str]) -> None:
    """Write the table."""
    table = HERE / "forward_means.json"
    old = json.loads(table.read_text(encoding="utf-8")) if named else {}
    frozen = old | {name: figures(case_of(name)) for name in named or NETWORKS}
    table.write_text(json.dumps(frozen, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
