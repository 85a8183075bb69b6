"""A bar for many runs: how many are done, the time left, the best so far."""

import math
from types import TracebackType

from tqdm import tqdm


class SweepBar:
    """One line on the terminal; nothing where there is none."""

    def __init__(self, title: str, *, total: int, known: int, unit: str, mode: str) -> None:
        self._mode = mode
        self._known = known
        self._best = math.nan
        self._bar = tqdm(total=total, initial=known, desc=title, unit=unit, disable=None, smoothing=0.1)

    def __enter__(self) -> "SweepBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def at(self, count: int, value: float | None) -> None:
        """So many are over besides those known from the start; the last has this value, null: it failed."""
        if value is not None and math.isfinite(value):
            better = min if self._mode == "min" else max
            self._best = value if math.isnan(self._best) else better(self._best, value)
            self._bar.set_postfix_str(f"best {self._best:.4f}", refresh=False)
        self._bar.update(self._known + count - self._bar.n)
