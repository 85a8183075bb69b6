"""What the declarations of commands share."""

import argparse
from collections.abc import Callable
from typing import Protocol

Command = Callable[[argparse.Namespace], int]


class Add(Protocol):
    """Adds a command's parser; a command with ``roots`` takes overrides of these configurations, behind one of ``actions``
    where it has any.
    """

    def __call__(
        self,
        name: str,
        command: Command,
        text: str,
        *,
        roots: tuple[str, ...] = (),
        actions: tuple[str, ...] = (),
    ) -> argparse.ArgumentParser:
        """The parser, for the command's own options."""


def positive(text: str) -> int:
    """A whole number from 1.

    Raises:
        ArgumentTypeError: it is another text.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, got {text!r}")
    return int(text)


def above_zero(text: str) -> float:
    """A number above 0.

    Raises:
        ArgumentTypeError: it is another text.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value
