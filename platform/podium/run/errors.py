"""Errors that a person reads: one line with the requirement, the value and the remedy."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

MOST_LISTED = 28  # longer lists are no help in an error


class ConfigError(ValueError):
    """A configuration that cannot be run; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


@contextmanager
def told() -> Iterator[None]:
    """The errors of a room that knows no ConfigError."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """A question that names the nearest known word, or lists the known ones when none is near."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    if len(known) > MOST_LISTED:
        return "podium train --help lists the groups"
    return f"choose from {', '.join(known)}" if known else "there is none to choose from"


class WorkerFailed(RuntimeError):
    """A worker of several ended without having trained."""


class WorkerLost(RuntimeError):
    """A worker was lost with its process or machine; the run goes on from its checkpoint wherever it is begun again."""
