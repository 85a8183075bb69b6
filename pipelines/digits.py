"""The whole way on real digits: look for good values, rank the entries, check the published board, run one row again.

Every step goes on where it stopped and trains nothing twice, so the same call after a crash finishes the job::

    python pipelines/digits.py [FOLDER]

Runs, sweeps and reports go into FOLDER (default: the working directory).
"""

import subprocess
import sys
from pathlib import Path

STEPS = (
    ("sweep", "sweep=init_dropout"),
    ("leaderboard", "board=digits"),
    ("verify", "reports/digits"),
    ("reproduce", "reports/digits", "--row", "1"),
    ("sync",),
)


def main(folder: Path) -> int:
    """Carry out the steps; the exit code is that of the first that fails, or 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for step in STEPS:
        print(f"\n$ podium {' '.join(step)}", flush=True)
        code = subprocess.run([sys.executable, "-m", "podium", *step], cwd=folder, check=False).returncode
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
