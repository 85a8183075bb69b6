"""Carry out a pipeline: commands of podium, one after the other, until one fails.

Every command goes on where it stopped and makes nothing twice, so the same call after a crash finishes the job.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import EllipsisType

Step = Sequence[
    str | EllipsisType
]  # ... stands for the words behind the folder on the pipeline's command line


def carry_out(steps: Sequence[Step], words: Sequence[str]) -> int:
    """Carry out the steps in the folder that the first word names (default: the working directory).

    Returns:
        The exit code of the first step that fails, or 0.
    """
    folder = Path(words[0] if words else ".")
    folder.mkdir(parents=True, exist_ok=True)
    for step in steps:
        filled = [word for part in step for word in (words[1:] if part is ... else [str(part)])]
        print(f"\n$ podium {' '.join(filled)}", flush=True)
        code = subprocess.run([sys.executable, "-m", "podium", *filled], cwd=folder, check=False).returncode
        if code != 0:
            return code
    return 0
