"""What a sweep has used of its budget: epochs and hours, added up over all commands that carried it out."""

import json
import time
from collections.abc import Mapping

from podium.records.files import write_atomically
from podium.sweep.plan import Plan
from podium.sweep.trial import Outcome

SPENT_FILE = "spent.json"
SAVE_EVERY_S = 1.0


class Ledger:
    """Counts epochs by trial, and seconds by the clock.

    Epochs are in the files of the trials; the seconds are in a file of their own, which may be a second old
    after a kill -9.
    """

    def __init__(self, plan: Plan, outcomes: Mapping[str, Outcome]) -> None:
        self._limits = plan.budget
        self._path = plan.folder / SPENT_FILE
        self._epochs = {line: epochs_of(outcome) for line, outcome in outcomes.items()}
        self._before_s = self._read()
        self._began = self._saved = time.monotonic()

    def trained(self, line: str, epochs: int) -> None:
        """A trial has trained so many epochs, over all its seeds."""
        self._epochs[line] = max(epochs, self._epochs.get(line, 0))

    def used_up(self) -> str | None:
        """Which limit is reached; null while there is some left."""
        limits, epochs = self._limits, sum(self._epochs.values())
        if limits.epochs is not None and epochs >= limits.epochs:
            return f"the budget of {limits.epochs} epochs is used up: {epochs} were trained"
        if limits.hours is not None and self._seconds() >= 3600 * limits.hours:
            return f"the budget of {limits.hours:g} hours is used up"
        return None

    def save(self, *, now: bool = False) -> None:
        """Write the seconds down, if the last time was a second ago, or now."""
        if self._limits.hours is not None and (now or time.monotonic() - self._saved >= SAVE_EVERY_S):
            self._saved = time.monotonic()
            write_atomically(self._path, json.dumps({"seconds": round(self._seconds(), 3)}).encode())

    def _seconds(self) -> float:
        return self._before_s + time.monotonic() - self._began

    def _read(self) -> float:
        try:
            return float(json.loads(self._path.read_text(encoding="utf-8"))["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0


def epochs_of(outcome: Outcome) -> int:
    """The epochs that a trial trained, over all its seeds; those that another trained are counted there."""
    return sum(replicate.epochs - replicate.copied for replicate in outcome.replicates)
