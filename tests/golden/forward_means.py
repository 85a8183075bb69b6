"""Freeze what every network computes, at its small size in the contract tests: mean and deviation of its output.

Run it after a change that is meant to change a network, and look at the difference::

    .venv/bin/python tests/golden/forward_means.py
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "contracts"))

from network_cases import NETWORKS, case_of, figures  # noqa: E402


def main() -> None:
    """Write the table."""
    frozen = {name: figures(case_of(name)) for name in NETWORKS}
    text = json.dumps(frozen, indent=1, sort_keys=True)
    (HERE / "forward_means.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
