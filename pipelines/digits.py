"""The whole way on real digits: look for good values, rank the entries, check the published board, run one row again::

    python pipelines/digits.py [FOLDER]

Runs, sweeps and reports go into FOLDER.
"""

import sys

from steps import carry_out

STEPS = (
    ("sweep", "sweep=init_dropout"),
    ("leaderboard", "board=digits"),
    ("verify", "reports/digits"),
    ("reproduce", "reports/digits", "--row", "1"),
    ("sync",),
)

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))
