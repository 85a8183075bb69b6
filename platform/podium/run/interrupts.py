"""SIGTERM and Ctrl-C ask for an end at the next step; a second Ctrl-C ends at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """A run was asked to end and saved itself. ``exit_code`` is the shell's for the signal: 130 or 143."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}; the same command goes on from here")
        self.signum = signum
        self.exit_code = 128 + signum


class Interrupts:
    """Remembers the signal that asked for an end."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def install(self) -> None:
        """Take SIGTERM and SIGINT over; only a main thread may. Called again after Lightning put its own in place."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._note)
            signal.signal(signal.SIGINT, self._note)

    def check(self) -> None:
        """Raise if an end was asked for.

        Raises:
            Interrupted: it was.
        """
        if self.signum is not None:
            raise Interrupted(self.signum)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None and signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.signum = signum


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Interrupts for the time of a run; the handlers of before come back afterwards."""
    on_main = threading.current_thread() is threading.main_thread()
    before = [(s, signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGINT)] if on_main else []
    noted = Interrupts()
    noted.install()
    try:
        yield noted
    finally:
        for signum, handler in before:
            signal.signal(signum, handler)
