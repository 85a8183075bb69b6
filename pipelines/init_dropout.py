"""The sweep of initialiser and dropout, and its runs sent to MLflow::

    python pipelines/init_dropout.py [FOLDER [OVERRIDES]]

Overrides are those of podium sweep: cluster=ray cluster.address=auto tracking=server, or seeds=5.
"""

import sys

from steps import carry_out

STEPS = (
    ("sweep", "sweep=init_dropout", ...),
    ("sync",),
)

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))
