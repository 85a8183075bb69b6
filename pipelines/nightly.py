"""What runs every night: train what the board lacks, build its pages, check every number, bring MLflow up to date::

    python pipelines/nightly.py [FOLDER [OVERRIDES]]

Overrides are those of podium leaderboard: board.seeds=[0,1,2].
"""

import sys

from steps import carry_out

STEPS = (
    ("leaderboard", "board=digits", ...),
    ("verify", "reports/digits"),
    ("sync", "runs"),
)

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))
